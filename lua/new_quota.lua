-- Converts a state that was written under another quota. After gcra.lua or window.lua,
-- on demand. In process there is no such thing: a changed quota is another limiter.

-- Keeps the tokens that the bucket has under the other quota, as units of this one:
-- debt stays debt, and of a token begun at most two units are lost. Returns whether
-- it is a quota of this kind of bucket.
function gcra.apply_new_quota(rule, state, other, now)
    local token, tick, size, kind = match(other, '^ ([1-9]%d*) ([1-9]%d*) ([1-9]%d*) (%a)$')
    token, tick, size = tonumber(token), tonumber(tick), tonumber(size)
    if kind ~= sub(rule.quota, -1) or max(token, tick, size) > FURTHEST then return false end
    local old = { token = token, tick = tick, room = size * token }
    gcra.step_back(old, state, now)
    gcra.end_lease(old, state, now)
    local left = old.room - gcra.distance(old, state, now)
    local tokens = floor(left / token)
    -- A quotient of doubles may be a unit too large.
    local part = max(0, floor((left - tokens * token) / token * rule.token) - 1)
    local ahead = (rule.size - tokens) * rule.token - part
    state.at, state.ahead = now, max(0, min(FURTHEST, ahead))
    state.rewrite = true
    return true
end

-- The present counts of windows of another width count in the present window of this
-- one, rounded up, and so do their counts in later windows.
function window.apply_new_quota(rule, state, other, now)
    local width, kind = match(other, '^ ([1-9]%d*) (%a)$')
    width = tonumber(width)
    if kind ~= sub(rule.quota, -1) or width > FURTHEST then return false end
    window.shorten_lease(state, now, width)
    local later, left = rule:advance(state, now, width), width - now % width
    local previous = state.previous
    if later == 0 then
        -- In steps of more than a tick where the product would leave 2^53.
        local step = max(1, ceil(previous * width / 4503599627370496))
        previous = min(previous, ceil(previous * ceil(left / step) / floor(width / step)))
    end
    state.index, state.previous = floor(now / rule.width), 0
    state.current, state.rewrite = min(rule.most, previous + state.current), true
    return true
end
