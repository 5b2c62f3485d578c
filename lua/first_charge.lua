-- Checks of buckets never seen: one command looks for such a bucket and charges it, and
-- none of the rule is needed. Before the rules in a script; batch.lua does the rest.
-- Twin of src/limit/rules/script/first_charge.rs.
--
-- ARGV[3]  what a bucket never seen holds behind its instant after the first check, or ''
--          for a call that goes without this
-- ARGV[4]  the milliseconds for which such a bucket is kept

-- By the number of an operation, what was found instead of a bucket never seen: a value,
-- or false where batch.lua has to look itself. Nil for a call that goes without this.
local left

-- Since Redis 7, which is also the first to tell its version, SET returns what it finds.
if ARGV[3] ~= '' then
    local first = redis.REDIS_VERSION_NUM and stamp .. ARGV[3]
    local check, life = ARGV[5], slack == 0 and ARGV[4] or ARGV[4] + slack
    for i = 1, #KEYS do
        local found = true
        if first and ARGV[4 + i] == check then
            found = try('SET', KEYS[i], first, 'NX', 'GET', 'PX', life)
        end
        -- A full server refuses to write, and another type of value is an error, too.
        if found then
            left = left or {}
            left[i] = type(found) == 'string' and found
        end
    end
    if not left then return { now } end
end
