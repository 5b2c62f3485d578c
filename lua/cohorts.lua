-- The salt of the cohorts that a fleet shares. Runs after prelude.lua.
--
-- KEYS[1]  a string: the salt, 32 hexadecimal digits
-- ARGV[1]  see clock.lua
-- ARGV[2]  the salt to keep if there is none
--
-- Returns a list: the present instant in ticks, and the salt, which is empty if the
-- key holds a value of another type.
--
-- src/concurrency/priority/cohorts/fleet.rs calls it; tests/redis/cohorts.rs tests
-- it.

-- Two days, so that a fleet that has gone leaves nothing behind.
local LIFE = 172800000000

call('SET', KEYS[1], ARGV[2], 'NX')
local salt = read_command('GET', KEYS[1])
if salt then call('PEXPIRE', KEYS[1], expiry(LIFE)) end
return { stamp, salt or '' }
