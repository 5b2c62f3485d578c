-- The beginning of every script: the present instant.
--
-- ARGV[1]  '' for the server's own clock, or an instant in ticks
--          (microseconds), which only tests and replays give

local KEYS, ARGV, call, try = KEYS, ARGV, redis.call, redis.pcall

-- The server expires keys by its own clock, whatever instant a test gives. Keys of
-- tests stay for an hour more, so that none vanishes before its time. `stamp` is the
-- instant as it is written.
local stamp, slack = ARGV[1], 3600000
if stamp == '' then
    local time = call('TIME')
    local micros = time[2]
    if #micros < 6 then micros = string.format('%06d', micros) end
    stamp, slack = time[1] .. micros, 0
end
