-- A counter that starts anew in every window. Mirrors src/limit/rules/fixed_window.rs;
-- terms, keys and what is found: see window.lua.

rules.fixed_window = function(terms)
    local rule, view = window(terms, 1, 'f')
    local limit, width = rule.limit, rule.width

    function rule.decide(state, now, cost)
        if cost > limit then return false end
        local elapsed, ahead = view(state, now)
        if state.current + cost > limit then return ahead + width - elapsed end
        if ahead > 0 then return ahead end
        state.current = state.current + cost
    end

    function rule.remaining(state, now)
        local _, ahead = view(state, now)
        return ahead > 0 and 0 or max(0, limit - state.current)
    end

    function rule.life(state, elapsed, ahead)
        return state.current == 0 and ahead or ahead + width - elapsed
    end

    return rule
end
