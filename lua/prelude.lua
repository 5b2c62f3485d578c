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
local format, match, tonumber, type = string.format, string.match, tonumber, type

-- The largest number below which all whole numbers are there.
local FURTHEST = 9007199254740991

-- Replaces a bucket in a reply if its state cannot be read.
local UNREADABLE = -1

-- Rules by name: each makes a rule of its params, the numbers that it has to know of
-- its quota. Its functions:
--
--   read       returns the state that a key holds; nil for a value that this version
--              does not write: garbage, another type, a later layout. Such a value is
--              left alone. A log, which is read in pieces, sets `unreadable` when it
--              meets one; then nothing of it is written
--   decide     returns nil if the cost passes, false if it never passes, or the ticks
--              until it passes; and true beside them if it was admitted and has to
--              wait for so long
--   credit and others change only what was read. `rewrite` is set in a state that has
--              to be written even for a denial
--   remaining  returns the largest cost that passes at once
--   undo       takes back a charge, give_back a booking; each returns how much that was
--   emit       adds what was found to a reply
--   write      keeps the state
local rules = {}

-- The bases of rules, which the files of these names fill.
local gcra, window = {}, {}

-- The server expires keys by its own clock, whatever instant a test gives. Keys of
-- tests stay for an hour more, so that none vanishes before its time.
local now, slack = tonumber(ARGV[1]), 3600000
if not now then
    local time = call('TIME')
    now, slack = tonumber(time[1]) * 1000000 + tonumber(time[2]), 0
end

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
