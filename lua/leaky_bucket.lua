-- A queue that drains at a constant rate, or a meter. Twin of
-- src/limit/rules/leaky_bucket.rs; params, keys and what is emitted: see gcra.lua.
--
-- params  one more: 1 if what is admitted waits for its turn

local queue = setmetatable({ queues = true }, { __index = gcra })

-- Takes a place in the queue if there is one.
function queue.decide(rule, state, now, cost)
    local ahead = rule:distance(state, now)
    local wait = gcra.decide(rule, state, now, cost)
    if wait == nil and ahead > 0 and cost > 0 then return ceil(ahead / rule.tick), true end
    return wait
end

-- A place in the queue goes back only while no other request came after it.
queue.undo = gcra.give_back

rules.leaky_bucket = function(params)
    local queues = params[4] == 1
    return gcra.new(queues and queue or gcra, params, queues and 'q' or 'm')
end
