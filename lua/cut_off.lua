-- The cut-off that operators set for a fleet. Runs after prelude.lua, and changes
-- nothing.
--
-- KEYS[1]  a string: the highest level that is refused
-- ARGV[1]  see clock.lua
--
-- Returns a list: the string, and its milliseconds to live as PTTL has them. The string
-- is empty if there is none, and '?' if the key holds a value of another type.
--
-- src/concurrency/priority/cut_off/fleet.rs calls it; tests/redis/cut_off.rs tests
-- it.

local level = read_command('GET', KEYS[1])
if level == nil then level = '?' end
return { level or '', call('PTTL', KEYS[1]) }
