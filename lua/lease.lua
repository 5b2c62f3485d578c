-- Leases: parts of a bucket that are charged in advance, which a holder spends
-- without a call. After gcra.lua or window.lua, whose states they add to, on demand.
-- The holder's side is src/limit/redis/lease/.
--
-- KEYS    hold ' <held> <term>' behind a bucket of gcra.lua: so many tokens are out
--         until that term ends; and ' <held> <ends>' behind a window: so much of the
--         current count is out until that instant
--
-- A leased bucket never fills further than to leave room for the tokens that are
-- out. A holder can spend them until the very end of their term, so then they count
-- as spent at that instant: the bucket must not refill in one moment by what they
-- kept out of it. In a window, what is out stays counted whatever is given back.

-- The length of a term in ticks. The terms of a bucket follow each other by the
-- server's clock, and no lease is good after the term in which it was granted.
local TERM = 1000000

-- By how many units the tokens that are out keep the bucket from being whole.
function gcra.leased_units(rule, state, now)
    local over = max(0, now - (state.term + 1) * TERM)
    return state.held * rule.token - over * rule.tick
end

-- Reads what is out, and returns the quota without it. No lease is granted for more
-- than a term, so after a step back of the clock all of them end with the next.
function gcra.read_lease(state, quota, now)
    local rest, held, term = match(quota, '^(.*%a) (%d+) (%d+)$')
    if not rest then return quota end
    state.held = min(FURTHEST, tonumber(held))
    state.term = min(tonumber(term), floor(now / TERM) + 1)
    return rest
end

-- Counts what was out as spent if its term is over.
function gcra.end_lease(rule, state, now)
    if state.held and now >= (state.term + 1) * TERM then
        state.at, state.ahead = now, gcra.distance(rule, state, now)
        state.held, state.term = nil, nil
    end
end

-- Ticks until what is out does not count any more.
function gcra.lease_life(rule, state, now)
    local refill = min(FURTHEST, state.held * rule.token)
    return (state.term + 1) * TERM - now + ceil(refill / rule.tick)
end

-- Subtracts the spent tokens from those that are out, and leases up to `want`, but no
-- more than half of what is left in the bucket. After a step back of the clock it
-- leases nothing until the term has come again. Returns the newly leased tokens, their
-- term, and its end.
function gcra.refresh_lease(rule, state, now, want, spent, term)
    local present, held, granted = floor(now / TERM), state.held or 0, 0
    local current = state.term or present
    if current == present then granted = min(want, floor(rule:remaining(state, now) / 2)) end
    if state.term == term then held = max(0, held - spent) end
    state.at, state.ahead = now, rule:distance(state, now) + granted * rule.token
    state.held, state.term = held + granted, current
    return granted, current, (current + 1) * TERM
end

-- Gives back the unspent tokens, but no more than are out. Tokens that come back after
-- their term count as spent. Returns whether the state has to be written.
function gcra.return_lease(rule, state, now, unspent, spent, term)
    if state.term ~= term then return false end
    local out = max(0, state.held - spent)
    unspent = min(unspent, out)
    rule:credit(state, now, unspent)
    state.held = out - unspent
    return true
end

function window.read_lease(state, quota)
    local rest, held, ends = match(quota, '^(.*%a) (%d+) (%d+)$')
    if not rest then return quota end
    state.held, state.ends = min(state.current, tonumber(held)), tonumber(ends)
    return rest
end

-- The window of the counts had begun when they were written, so after a step back of
-- the clock a lease lasts no longer than it did from then on. It may have been granted
-- under a wider window than this one. Only where the counts move to the present
-- window, or the next read would take it off again.
function window.shorten_lease(state, now, width)
    if state.held then state.ends = min(state.ends, now + state.ends - state.index * width) end
end

-- Leases as a bucket does. A holder spends a lease in the window in which it was
-- counted. Returns how much was newly leased, the index of that window, which takes the
-- place of a term, and when it ends.
function window.refresh_lease(rule, state, now, want, spent, index)
    local held, ends = state.held or 0, (state.index + 1) * rule.width
    if state.index == index then held = max(0, held - spent) end
    local granted = min(want, floor(rule:remaining(state, now) / 2))
    state.current, state.held = state.current + granted, held + granted
    state.ends = max(ends, state.ends or 0)
    return granted, state.index, ends
end

function window.return_lease(rule, state, now, unspent, spent, index)
    if state.index ~= index or not state.held then return false end
    local out = max(0, state.held - spent)
    unspent = min(unspent, out)
    state.held = out - unspent
    rule:credit(state, now, unspent)
    return true
end
