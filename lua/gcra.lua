-- The generic cell rate algorithm, by which the token bucket and the leaky bucket
-- decide. Twin of src/limit/rules/gcra.rs.
--
-- params  token, tick, size: units that a token takes, units in a tick, tokens of a
--         whole bucket
-- KEYS    hold '<at> <ahead> <token> <tick> <size> <kind>': at the instant `at` the
--         bucket was so many units from whole, under that quota. Behind that, while
--         the bucket is leased, what lease.lua adds
-- emits   units from now until the bucket is whole
--
-- Without debt and without a booking a bucket is never further from whole than its
-- size. One that seems to be was written before the clock stepped back, and counts
-- as empty; one that was in debt then is as far from whole as it was.
--
-- now * tick would leave 2^53, so instants are subtracted before they become units.
-- The largest distance from whole is FURTHEST.

-- Takes `cost` tokens if they are there.
function gcra.decide(rule, state, now, cost)
    local ahead = rule:distance(state, now)
    if cost > rule.size then return false end
    local excess = ahead - (rule.room - cost * rule.token)
    if excess > 0 then return ceil(excess / rule.tick) end
    local level = ahead + cost * rule.token
    if cost > 0 then state.at, state.ahead = now, level end
end

-- Units from now until the bucket is whole: 0 when it is. Bounded, like `ahead` in
-- Rust: `read` has already dealt with a clock that stepped back.
function gcra.distance(rule, state, now)
    local ahead = (state.at - now) * rule.tick + state.ahead
    if state.held then ahead = max(ahead, gcra.leased_units(rule, state, now)) end
    if ahead <= 0 then return 0 end
    return ahead < FURTHEST and ahead or FURTHEST
end

function gcra.remaining(rule, state, now)
    return floor(max(0, rule.room - rule:distance(state, now)) / rule.token)
end

function gcra.new(methods, terms)
    local token, tick, size = match(terms, '^(%d+) (%d+) (%d+)')
    token, tick, size = tonumber(token), tonumber(tick), tonumber(size)
    local rule = { token = token, tick = tick, size = size, room = size * token }
    rule.quota = ' ' .. terms
    return setmetatable(rule, { __index = methods })
end

function gcra.read(rule, key, now, found)
    local value = found or read_command('GET', key)
    if value == false then return { at = now, ahead = 0, found = 0, unseen = true } end
    local at, ahead, quota = match(value or '', '^(%d+) (%d+)( .+)$')
    local state = { at = tonumber(at), ahead = tonumber(ahead), found = 0 }
    local known = at and state.at <= FURTHEST and state.ahead <= FURTHEST
    if known and quota ~= rule.quota then
        quota = rule.read_lease(state, quota, now)
        known = quota == rule.quota or rule:apply_new_quota(state, quota, now)
    end
    if not known then return nil end
    if state.at > now then rule:step_back(state, now) end
    if state.held then rule:end_lease(state, now) end
    state.found = rule:distance(state, now)
    -- A reservation starts at the instant from which waits are counted.
    if state.found == FURTHEST then state.at, state.ahead = now, FURTHEST end
    return state
end

function gcra.emit(_, state, reply)
    reply[#reply + 1] = state.found
end

function gcra.write(rule, key, state, now)
    if state.stepped then holds.step_back(key, state.stepped) end
    local ahead = rule:distance(state, now)
    if ahead == 0 then return call('DEL', key) end
    -- As of now, so that no later instant than the present is ever written.
    local value, life = format('%s %.0f', stamp, ahead) .. rule.quota, ceil(ahead / rule.tick)
    if state.held and state.held > 0 then
        value = value .. format(' %.0f %.0f', state.held, state.term)
        life = max(life, rule:lease_life(state, now))
    end
    set_state(key, value, life)
end

setmetatable(gcra, on_demand)
