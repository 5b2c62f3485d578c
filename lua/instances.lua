-- Counts the instances of a fleet that share permits. After prelude.lua.
--
-- KEYS[1]   a sorted set: the ids of instances by the tick until which they count
-- ARGV[1]   see clock.lua
-- ARGV[2]   the id of the instance
-- ARGV[3]   for how many ticks an instance counts
-- ARGV[4]   'here', or 'gone' if it ends
--
-- Returns a list: how many there are, or -1 if the key cannot be read; and the run_id of
-- the server, or '' if the user may not run INFO.
--
-- src/concurrency/redis/ calls it.

local life = tonumber(ARGV[3])
local count = read_command('ZCARD', KEYS[1])
if count then
    call('ZREMRANGEBYSCORE', KEYS[1], '-inf', stamp)
    -- After a step back of the clock none counts for longer than twice its time.
    call('ZREMRANGEBYSCORE', KEYS[1], format('(%.0f', now + 2 * life), '+inf')
    if ARGV[4] == 'here' then
        call('ZADD', KEYS[1], format('%.0f', now + life), ARGV[2])
        call('PEXPIRE', KEYS[1], expiry(life))
    else
        call('ZREM', KEYS[1], ARGV[2])
    end
    count = call('ZCARD', KEYS[1])
end
local info = try('INFO', 'server')
return { count or -1, type(info) == 'string' and match(info, 'run_id:(%w+)') or '' }
