-- A queue that drains at a constant rate, or a meter. Twin of
-- src/limit/rules/leaky_bucket.rs; params, keys and what is emitted: see gcra.lua.

local queue = setmetatable({ queues = true, adds_up = false }, { __index = gcra })

-- Takes a place in the queue if there is one.
function queue.decide(rule, state, now, cost)
    local ahead = rule:distance(state, now)
    local wait = gcra.decide(rule, state, now, cost)
    if wait == nil and ahead > 0 and cost > 0 then return ceil(ahead / rule.tick), true end
    return wait
end

-- A place in the queue goes back only while no other request came after it.
function queue.undo(...) return gcra.give_back(...) end

rules.q = function(terms) return gcra.new(queue, terms) end
rules.m = function(terms) return gcra.new(gcra, terms) end
