-- Two counters that stand in for a window sliding with the present. Mirrors
-- src/limit/rules/sliding_window.rs; terms, keys and what is found: see window.lua.
--
-- terms   two more: ticks in a step, and steps in a window

rules.sliding_window = function(terms)
    local rule, view = window(terms, 2, 's')
    local limit, ticks, step, width = rule.limit, rule.width, terms[4], terms[5]

    -- cost * W more than is used.
    local function used(state, elapsed, cost)
        local weight = width - floor(elapsed / step)
        return state.previous * weight + (state.current + cost) * width
    end

    -- Ticks until `cost`, which is within the limit, passes: 0 if it does now.
    local function wait(state, elapsed, ahead, cost)
        local excess = used(state, elapsed, cost) - limit * width
        if excess <= 0 then return ahead end
        local left = ticks - elapsed
        if state.current + cost <= limit then
            local steps = floor(elapsed / step) + ceil(excess / state.previous)
            return ahead + min(left, steps * step - elapsed)
        end
        local steps = ceil((state.current + cost - limit) * width / state.current)
        return ahead + left + min(ticks, steps * step)
    end

    function rule.decide(state, now, cost)
        if cost > limit then return false end
        local elapsed, ahead = view(state, now)
        if ahead > 0 or used(state, elapsed, cost) > limit * width then
            return wait(state, elapsed, ahead, cost)
        end
        state.current = state.current + cost
    end

    function rule.remaining(state, now)
        local elapsed, ahead = view(state, now)
        return ahead > 0 and 0 or max(0, floor((limit * width - used(state, elapsed, 0)) / width))
    end

    -- `reset` in Rust.
    function rule.life(state, elapsed, ahead)
        local left = ahead + ticks - elapsed
        if state.current > 0 then return left + ticks end
        return state.previous > 0 and left or ahead
    end

    return rule
end
