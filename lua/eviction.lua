-- Returns how the server makes room when it is full.
--
-- KEYS[1]  any key, by which a cluster finds a node
--
-- Returns a list of one: the name of its policy, or '' if the user may not run INFO.
--
-- Called by src/redis/eviction.rs.

local info = redis.pcall('INFO', 'memory')
local policy = type(info) == 'string' and string.match(info, 'maxmemory_policy:([%w-]+)')
return { policy or '' }
