-- Charges several buckets at one instant, each under a rule of its own: all of
-- them, or none. Appended to all rules in a script. Twin of
-- src/limit/redis/check_all.rs.
--
-- KEYS     the key of each bucket, all different
-- ARGV[1]  see clock.lua
-- ARGV     then for each bucket: the terms of its rule, see rules.lua, and one of
--          these operations of batch.lua:
--   '<cost>'               decides, like Rule::decide
--   'a 1 <cost> <max_wait>'  the same, and a queue may book a wait of so many ticks.
--                          What is charged can be taken back
--   'h <cost> <max_wait> <term> <orphan> <id>'  the same, and the charge is held: see
--                          hold.lua
--   's <cost> <at> <mark> <generation> <refunds> <credits> <orphan> <id> <actual>'
--                          settles a hold, whatever the others do
--
-- Returns whole numbers: the instant; for each bucket 1 if it would admit, or 0,
-- and the state before the charge, and behind it what batch.lua returns of 'a', a hold
-- and a settlement; or only UNREADABLE. All were charged if each returned 1. A bucket
-- that cannot be read does not count, and is not written: the caller's policy decides
-- for it, and the caller rolls the others back if the policy refuses.

local reply, buckets, passes, next = { now }, {}, true, 2

-- Reads the rule, the cost and the longest wait of the next bucket, and what comes
-- behind them: of a hold, or of a charge that can be taken back.
local function read_request()
    local terms, operation = ARGV[next], ARGV[next + 1]
    local rule = rules[sub(terms, -1)](terms)
    next = next + 2
    local cost, max_wait, hold = tonumber(operation), FURTHEST, nil
    if not cost then
        cost, max_wait, hold = match(operation, '^a? ?[1h] (%d+) (%d+) ?(.*)$')
        cost, max_wait = tonumber(cost), tonumber(max_wait)
    end
    return rule, cost, max_wait, hold ~= '' and hold, operation
end

-- Settles a hold, which is not a charge that the others could prevent.
local function settle(rule, key, state, operation)
    local lapsed, done, changed
    state, lapsed = holds.lapse(rule, key, state)
    if not state then return nil end
    done, changed = holds.settle(rule, key, state, operation)
    if changed and not state.unreadable then rule:write(key, state, now) end
    reply[#reply + 1], reply[#reply + 2] = done, lapsed
    return state
end

for i = 1, #KEYS do
    local rule, cost, max_wait, hold, operation = read_request()
    if hold or not cost then load_rest() end
    local state, first = rule:read(KEYS[i], now), #reply + 1
    local bucket, lapsed = { rule = rule, cost = cost or 0, admits = true, hold = hold }, 0
    if state and not cost then
        state = settle(rule, KEYS[i], state, operation)
    elseif state and hold then
        state, lapsed = holds.lapse(rule, KEYS[i], state)
    end
    if state and cost then
        local wait, queued = rule:decide(state, now, cost)
        bucket.admits, bucket.wait = wait == nil or (queued and wait <= max_wait), wait or 0
        local leased = state.held and 1 or 0
        reply[first] = bucket.admits and 1 or 0
        rule:emit(state, reply)
        if hold == false then
            local rest = #reply
            reply[rest + 1] = leased
            reply[rest + 2], reply[rest + 3], reply[rest + 4] = given_back(KEYS[i])
        end
    end
    bucket.state = state
    if hold then
        -- The rest is known when all have decided.
        bucket.place = #reply + 1
        for place = bucket.place, bucket.place + 5 do reply[place] = 0 end
        reply[bucket.place], reply[bucket.place + 6] = now, lapsed
    end
    if not state or state.unreadable then
        for place = #reply, first + 1, -1 do reply[place] = nil end
        reply[first], bucket.cost, bucket.hold = UNREADABLE, 0, nil
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
    if bucket.hold and passes then
        local place, at = bucket.place, now + bucket.wait
        local term, orphan, id = match(bucket.hold, '^(%d+) (%a) (%d+)$')
        local mark, generation, refunds, credits, kept = holds.record(
            bucket.rule, KEYS[i], bucket.state, bucket.cost, at, tonumber(term), orphan, id)
        reply[place], reply[place + 1], reply[place + 2] = at, mark, generation
        reply[place + 3], reply[place + 4], reply[place + 5] = refunds, credits, kept
    end
end

return reply
