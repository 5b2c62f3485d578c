-- The beginning of every script: the present instant, and functions that read and
-- write a state.
--
-- ARGV[1]  '' for the server's own clock, or an instant in ticks
--          (microseconds), which only tests and replays give
--
-- Numbers here are doubles, whole up to 2^53, and are written with '%.0f': the
-- tostring of Lua would round them to 14 digits. Ticks are those of src/clock.rs.

local KEYS, ARGV, call, try = KEYS, ARGV, redis.call, redis.pcall
local floor, ceil, max, min = math.floor, math.ceil, math.max, math.min
local format, match, sub, tonumber, type = string.format, string.match, string.sub, tonumber, type

-- The largest number below which all whole numbers are there.
local FURTHEST = 9007199254740991

-- The server expires keys by its own clock, whatever instant a test gives. Keys of
-- tests stay for an hour more, so that none vanishes before its time. `stamp` is the
-- instant as it is written.
local stamp, slack = ARGV[1], 3600000
if stamp == '' then
    local time = call('TIME')
    stamp, slack = time[1] .. format('%06d', time[2]), 0
end
local now = tonumber(stamp)

-- Milliseconds for so many ticks, rounded up: at least one.
local function expiry(life)
    return format('%.0f', max(1, ceil(life / 1000)) + slack)
end

-- Returns what a command that only reads finds: false where there is nothing, and
-- nil where the key holds a value of another type. Any other error ends the script,
-- as it does with `call`: a state that may not be read is not one never seen.
local function read_command(...)
    local found = try(...)
    if type(found) ~= 'table' or not found.err then return found end
    if match(found.err, 'WRONGTYPE') then return nil end
    return call(...)
end

-- Keeps a state for so many ticks.
local function set_state(key, value, life)
    call('SET', key, value, 'PX', expiry(life))
end
