-- Charges several buckets at one instant, each under a rule of its own: all of
-- them, or none. Stands behind all the rules in a script. Mirrors
-- src/limit/redis/check_all.rs.
--
-- KEYS     the key of each bucket, all different
-- ARGV[1]  see prelude.lua
-- ARGV     then for each bucket: name of the rule, how many params it has, the
--          params, and one of these entries of batch.lua:
--   '<cost>'               decides, as Rule::decide does
--   '1 <cost> <patience>'  the same, where a queue may let wait for so many ticks
--
-- Returns whole numbers: the instant; for each bucket 1 if it would admit, or 0,
-- and the state as it was found before; or only UNREADABLE. A bucket that cannot
-- be read has no say, and is not written: the caller's policy decides for it, and
-- the caller gives the others back if it refuses.

local reply, buckets, passes, next = { now }, {}, true, 2

-- The rule, cost and patience that stand next.
local function asked()
    local params, count = {}, tonumber(ARGV[next + 1])
    for i = 1, count do params[i] = tonumber(ARGV[next + 1 + i]) end
    local rule, entry = rules[ARGV[next]](params), ARGV[next + 2 + count]
    next = next + 3 + count
    local cost, patience = tonumber(entry), FURTHEST
    if not cost then
        cost, patience = match(entry, '^1 (%d+) (%d+)$')
        cost, patience = tonumber(cost), tonumber(patience)
    end
    return rule, cost, patience
end

for i = 1, #KEYS do
    local rule, cost, patience = asked()
    local state, first = rule:read(KEYS[i], now), #reply + 1
    local it = { rule = rule, cost = cost, state = state }
    if state then
        local wait, queued = rule:decide(state, now, cost)
        it.admits = wait == nil or (queued and wait <= patience)
        reply[first] = it.admits and 1 or 0
        rule:emit(state, reply)
    end
    if not state or state.unreadable then
        for place = #reply, first + 1, -1 do reply[place] = nil end
        reply[first], it.cost = UNREADABLE, 0
    else
        passes = passes and it.admits
    end
    buckets[i] = it
end

for i, it in ipairs(buckets) do
    if it.cost > 0 and passes then
        it.rule:write(KEYS[i], it.state, now)
    elseif it.cost > 0 and it.state.rewrite then
        -- What another quota has left behind is written anew even for a denial,
        -- but as it was found: the rule may have charged it.
        it.rule:write(KEYS[i], it.rule:read(KEYS[i], now), now)
    end
end

return reply
