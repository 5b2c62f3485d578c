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

-- What stands in a reply in place of a bucket whose state cannot be read.
local UNREADABLE = -1

-- Rules by name: each makes, of the numbers that it has to know of its quota, a
-- table of functions. `read` looks what a key holds; `decide`, `credit` and the
-- others change only what was read; `write` keeps it. `read` returns nil for a
-- value that this version does not write: garbage, another type, a later layout.
-- Such a value is left alone. A log, which is read in pieces, sets `unreadable`
-- when it meets one; then nothing of it is written. A rule answers `decide`
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

-- Returns what a command that only reads finds: false where there is nothing, and
-- nil where the key holds a value of another type. Any other error ends the
-- script, as it does with `call`: a state that may not be read was not never seen.
local function look(...)
    local found = try(...)
    if type(found) ~= 'table' or not found.err then return found end
    if match(found.err, 'WRONGTYPE') then return nil end
    return call(...)
end

local function keep(key, value, life)
    call('SET', key, value, 'PX', expiry(life))
end
