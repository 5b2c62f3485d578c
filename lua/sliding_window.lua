-- Two counters that stand in for a window that slides with the present. Twin of
-- src/limit/rules/sliding_window.rs; params, keys and what is emitted: see window.lua.
--
-- params  two more: ticks in a step, and steps in a window

local sliding = setmetatable({}, { __index = window })

-- Takes `cost` if it is there.
function sliding.decide(rule, state, now, cost)
    if cost > rule.limit then return false end
    local elapsed, ahead = rule:view(state, now)
    if ahead > 0 or rule:used(state, elapsed, cost) > rule.limit * rule.steps then
        return rule:wait(state, elapsed, ahead, cost)
    end
    state.current = state.current + cost
end

-- The used amount and `cost` more, times the steps in a window.
function sliding.used(rule, state, elapsed, cost)
    local weight = rule.steps - floor(elapsed / rule.step)
    return state.previous * weight + (state.current + cost) * rule.steps
end

-- Ticks until `cost`, which is within the limit, passes: 0 if it does now.
function sliding.wait(rule, state, elapsed, ahead, cost)
    local limit, step, steps = rule.limit, rule.step, rule.steps
    local excess = rule:used(state, elapsed, cost) - limit * steps
    if excess <= 0 then return ahead end
    local left = rule.width - elapsed
    -- Within this window only the count of the one before shrinks. That may be enough if
    -- the current count alone leaves room.
    if state.current + cost <= limit then
        local until_fits = floor(elapsed / step) + ceil(excess / state.previous)
        return ahead + min(left, until_fits * step - elapsed)
    end
    -- Otherwise the current count has to shrink, in the next window.
    local until_fits = ceil((state.current + cost - limit) * steps / state.current)
    return ahead + left + min(rule.width, until_fits * step)
end

function sliding.remaining(rule, state, now)
    local elapsed, ahead = rule:view(state, now)
    if ahead > 0 then return 0 end
    local left = rule.limit * rule.steps - rule:used(state, elapsed, 0)
    return max(0, floor(left / rule.steps))
end

-- Ticks until nothing counts any more: `reset` in Rust.
function sliding.life(rule, state, elapsed, ahead)
    local left = ahead + rule.width - elapsed
    if state.current > 0 then return left + rule.width end
    return state.previous > 0 and left or ahead
end

rules.s = function(terms)
    local rule, step, steps = window.new(sliding, terms, 2), match(terms, '(%d+) (%d+) s$')
    rule.step, rule.steps = tonumber(step), tonumber(steps)
    return rule
end
