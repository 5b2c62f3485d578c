-- Checks of buckets of gcra.lua, without its functions: most calls need no more, and to
-- make the functions takes the server longer than to use them. After clock.lua;
-- batch.lua does the rest. Twin of src/limit/rules/script/shortcut.rs.
--
-- ARGV[2]  the terms of the rule; or, with ARGV[3], what a bucket never seen holds behind
--          its instant after a check of a cost of 1: '<value>', see below
-- ARGV[3]  the milliseconds for which such a bucket is kept, or '' for a call that goes
--          without this
-- ARGV     then operations: see batch.lua. The first keys, as many as have no operation,
--          are checked once each, at a cost of 1. For equal checks of a bucket an
--          operation is '<n> <cost> 0 <milliseconds><value>', with ' <ahead> <terms>' as
--          what they leave together of a bucket never seen
--
-- One command looks for a bucket, and charges it if it was never seen. A bucket that is
-- there, under the same quota and without a lease, is decided here. All others are left.

-- The number of keys without an operation.
local checks = #KEYS - #ARGV + 3

-- By the number of an operation that is left, the value that was found, or false where
-- batch.lua has to look itself. Nil if nothing is left, or if ARGV[3] is ''.
local left

-- The reply so far, if a bucket that was there is decided: see batch.lua.
local decided

-- The whole reply, if nothing is left.
local answer

if ARGV[3] ~= '' then
    local tonumber, floor, ceil, match = tonumber, math.floor, math.ceil, string.match
    local now, quota, pattern, token, tick, size
    -- Since Redis 7, which is also the first to tell its version, SET returns what it
    -- finds.
    local knows, first, first_life = redis.REDIS_VERSION_NUM, stamp .. ARGV[2], ARGV[3]
    if slack > 0 then first_life = first_life + slack end
    for i = 1, #KEYS do
        local key, many, cost, value, life, found = KEYS[i], 1, 1, first, first_life, true
        if i > checks then
            many, cost, life, value = match(ARGV[3 + i - checks], '^(%d+) (%d+) 0 (%d+)( .+)$')
            if value then value, life = stamp .. value, life + slack end
        end
        if value and knows then found = try('SET', key, value, 'NX', 'GET', 'PX', life) end
        if type(found) == 'string' then
            if not quota then
                now, quota = tonumber(stamp), match(ARGV[2], '^ %d+( .+)$')
                token, tick, size = match(quota, '^ (%d+) (%d+) (%d+)')
                token, tick, size = tonumber(token), tonumber(tick), tonumber(size)
                pattern = '^(%d+) (%d+)' .. quota .. '$'
            end
            local at, ahead = match(found, pattern)
            at, ahead = tonumber(at), tonumber(ahead)
            -- Otherwise another quota, a lease, garbage, or a clock that stepped back.
            if at and at <= now and ahead < 9007199254740991 then
                -- As Gcra::decide.
                ahead = (at - now) * tick + ahead
                if ahead < 0 then ahead = 0 end
                local room, charge, passed = size * token - ahead, cost * token, many + 0
                if room < charge then
                    passed = 0
                elseif room < passed * charge then
                    passed = floor(floor(room / token) / cost)
                end
                local written = true
                if passed > 0 then
                    local level = ahead + passed * charge
                    value = stamp .. string.format(' %.0f', level) .. quota
                    life = ceil(ceil(level / tick) / 1000) + slack
                    written = try('SET', key, value, 'PX', life)
                end
                -- A full server refuses to write.
                if type(written) ~= 'table' or written.ok then
                    decided = decided or { now }
                    local next = #decided
                    decided[next + 1], decided[next + 2], decided[next + 3] = i, passed, ahead
                    found = false
                end
            end
        end
        if found then
            left = left or {}
            -- Another type of value is an error.
            left[i] = type(found) == 'string' and found
        end
    end
    if not left then answer = decided or stamp end
end
