-- Charges several buckets at one instant, each under a rule of its own: all of
-- them, or none. Appended to all rules in a script. Twin of
-- src/limit/redis/check_all.rs.
--
-- KEYS     the key of each bucket, all different
-- ARGV[1]  see prelude.lua
-- ARGV     then for each bucket: the terms of its rule, see prelude.lua, and one of
--          these operations of batch.lua:
--   '<cost>'               decides, like Rule::decide
--   '1 <cost> <max_wait>'  the same, and a queue may book a wait of so many ticks
--
-- Returns whole numbers: the instant; for each bucket 1 if it would admit, or 0,
-- and the state before the charge; or only UNREADABLE. All were charged if each
-- returned 1. A bucket that cannot be read does not count, and is not written: the
-- caller's policy decides for it, and the caller rolls the others back if the
-- policy refuses.

local reply, buckets, passes, next = { now }, {}, true, 2

-- Reads the rule, the cost and the longest wait of the next bucket.
local function read_request()
    local terms, operation = ARGV[next], ARGV[next + 1]
    local rule = rules[sub(terms, -1)](terms)
    next = next + 2
    local cost, max_wait = tonumber(operation), FURTHEST
    if not cost then
        cost, max_wait = match(operation, '^1 (%d+) (%d+)$')
        cost, max_wait = tonumber(cost), tonumber(max_wait)
    end
    return rule, cost, max_wait
end

for i = 1, #KEYS do
    local rule, cost, max_wait = read_request()
    local state, first = rule:read(KEYS[i], now), #reply + 1
    local bucket = { rule = rule, cost = cost, state = state }
    if state then
        local wait, queued = rule:decide(state, now, cost)
        bucket.admits = wait == nil or (queued and wait <= max_wait)
        reply[first] = bucket.admits and 1 or 0
        rule:emit(state, reply)
    end
    if not state or state.unreadable then
        for place = #reply, first + 1, -1 do reply[place] = nil end
        reply[first], bucket.cost = UNREADABLE, 0
    else
        passes = passes and bucket.admits
    end
    buckets[i] = bucket
end

for i, bucket in ipairs(buckets) do
    if bucket.cost > 0 and passes then
        bucket.rule:write(KEYS[i], bucket.state, now)
    elseif bucket.cost > 0 and bucket.state.rewrite then
        -- A state of another quota is written in terms of this one even for a
        -- denial. It is read again, because the rule may have charged it.
        bucket.rule:write(KEYS[i], bucket.rule:read(KEYS[i], now), now)
    end
end

return reply
