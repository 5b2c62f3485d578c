-- Changes a bucket without a decision: gives costs back, takes them without a check, or
-- writes it anew. After gcra.lua, on demand. Twin of src/limit/rules/refund.rs.

-- Writes anew, even for a denial, what was written before the clock stepped back.
-- Otherwise the bucket would stay where it is until the clock is there again. No state
-- is written for a later instant than the present.
function gcra.step_back(rule, state, now)
    if state.at <= now then return end
    state.stepped = state.at
    local most = max(rule.room, state.ahead)
    if (state.at - now) * rule.tick + state.ahead > most then
        state.at, state.ahead, state.rewrite = now, most, true
    end
end

function gcra.credit(rule, state, now, cost)
    state.at, state.ahead = now, max(0, rule:distance(state, now) - cost * rule.token)
end

-- Leased tokens stay taken.
function gcra.reset(rule, state, now)
    rule:credit(state, now, FURTHEST)
end

function gcra.debit(rule, state, now, cost)
    local level = rule:distance(state, now) + cost * rule.token
    state.at, state.ahead = now, min(FURTHEST, level)
end

-- Takes back a charge of the instant `at`: all of it, less what has come back since
-- the bucket would have been whole without the charge. Returns `cost` if anything was
-- taken back, else 0.
function gcra.undo(rule, state, now, cost, at, mark)
    local charged = cost * rule.token
    local before = max(0, mark - rule.tick - charged)
    local since = max(0, now - at) * rule.tick
    local back = charged - max(0, since - before)
    if back <= 0 then return 0 end
    state.at, state.ahead = now, max(0, rule:distance(state, now) - back)
    return cost
end

-- Returns the units until the bucket is whole, seen from the tick before `at`. On a
-- leased bucket it proves nothing, because shares may come back.
function gcra.mark(rule, state, at)
    if state.held then return 0 end
    return max(0, min(FURTHEST, (state.at - at + 1) * rule.tick + state.ahead))
end

-- Gives back a place in a queue, but only while the state is the one that its charge
-- has left: otherwise a newcomer would get the place of the last in the queue. The
-- mark is that of `Gcra::mark`. Nor after the clock stepped back, or under a new
-- quota: then `rewrite` is set.
function gcra.give_back(rule, state, now, cost, at, mark)
    if state.unseen or state.rewrite then return 0 end
    if (state.at - at + 1) * rule.tick + state.ahead ~= mark then return 0 end
    rule:credit(state, now, cost)
    return cost
end
