-- Functions that read and write a state, which most scripts use. After clock.lua.
--
-- Numbers here are doubles, whole up to 2^53, and are written with '%.0f': the
-- tostring of Lua would round them to 14 digits. Ticks are those of src/clock.rs.

local floor, ceil, max, min = math.floor, math.ceil, math.max, math.min
local format, match, sub, tonumber, type = string.format, string.match, string.sub, tonumber, type

-- The largest number below which all whole numbers are there.
local FURTHEST = 9007199254740991

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
