-- A counter that starts anew in every window. Twin of src/limit/rules/fixed_window.rs;
-- params, keys and what is emitted: see window.lua.

local fixed = setmetatable({}, { __index = window })

-- Takes `cost` if it is there.
function fixed.decide(rule, state, now, cost)
    if cost > rule.limit then return false end
    local elapsed, ahead = rule:view(state, now)
    if state.current + cost > rule.limit then return ahead + rule.width - elapsed end
    if ahead > 0 then return ahead end
    state.current = state.current + cost
end

function fixed.remaining(rule, state, now)
    local _, ahead = rule:view(state, now)
    return ahead > 0 and 0 or max(0, rule.limit - state.current)
end

function fixed.life(rule, state, elapsed, ahead)
    return state.current == 0 and ahead or ahead + rule.width - elapsed
end

rules.f = function(terms) return window.new(fixed, terms, 1) end
