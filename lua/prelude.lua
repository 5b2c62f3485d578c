-- What every script begins with: the present instant, and how to keep a state.
--
-- ARGV[1]  '' for the server's own clock, or an instant in ticks
--          (microseconds), which only tests and replays give
--
-- Numbers here are doubles, whole up to 2^53, and are written with '%.0f': the
-- tostring of Lua would round them to 14 digits. Mirrors src/clock.rs.

local KEYS, ARGV, call, try = KEYS, ARGV, redis.call, redis.pcall
local floor, ceil, max, min = math.floor, math.ceil, math.max, math.min
local format, match, tonumber, type = string.format, string.match, tonumber, type

-- The largest number below which all whole numbers are there.
local FURTHEST = 9007199254740991

-- Rules by name: each makes, of the numbers that it has to know of its quota, a
-- table of functions. `read` looks what a key holds; `decide`, `credit` and the
-- others change only what was read; `write` keeps it. A rule answers `decide`
-- with nil (passes), false (never passes), or the ticks until it passes, and
-- true beside them if it was admitted and has to wait for so long.
local rules = {}

-- The server expires keys by its own clock, whatever instant a test gives: its
-- keys stay for an hour more, so that none vanishes before its time.
local now, slack = tonumber(ARGV[1]), 3600000
if not now then
    local time = call('TIME')
    now, slack = tonumber(time[1]) * 1000000 + tonumber(time[2]), 0
end

-- Milliseconds of so many ticks: never fewer, and never none.
local function expiry(life)
    return format('%.0f', max(1, ceil(life / 1000)) + slack)
end

-- What a command that only reads finds, or nil where the key holds something of
-- another kind. Any other error is the script's, as it is with `call`: a state
-- that may not be read is none that was never seen.
local function look(...)
    local found = try(...)
    if type(found) ~= 'table' or not found.err then return found end
    if match(found.err, 'WRONGTYPE') then return nil end
    return call(...)
end

local function keep(key, value, life)
    call('SET', key, value, 'PX', expiry(life))
end
