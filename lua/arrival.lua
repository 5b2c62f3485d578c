-- The arithmetic that the token bucket and the leaky bucket share. Mirrors
-- src/limit/rules/gcra.rs.
--
-- terms   token, tick, size: units that a token takes, units in a tick, tokens
--         of a whole bucket; and 1 if what is admitted waits for its turn
-- KEYS    hold '<at> <ahead> <token> <tick> <size> <kind>': at the instant `at`
--         the bucket was so many units from whole, under that quota; and while
--         it is leased ' <held> <term>': so many tokens are out until that term
--         ends
-- found   units from now until the bucket is whole
--
-- Without debt and without a booking a bucket is never further from whole than
-- its size. One that seems to be was written before the clock stepped back, and
-- counts as empty; one that was in debt then is as far from whole as it was.
--
-- A leased bucket never fills further than to leave room for the tokens that
-- are out. A holder can spend them until the very end of their term, so then
-- they count as spent at that instant: the bucket must not refill in one
-- moment by what they kept out of it.
--
-- now * tick would leave 2^53, so instants are subtracted before they become
-- units. What is furthest from whole counts as FURTHEST.

-- Ticks in a term, after which no lease of it is good any more.
local TERM = 1000000

-- Units from now until a bucket is whole, if a token takes `token` units and a
-- tick has `tick` of them: 0 when it is.
local function units_left(state, now, token, tick)
    local ahead = (state.at - now) * tick + state.ahead
    if state.held then
        local over = max(0, now - (state.term + 1) * TERM)
        ahead = max(ahead, state.held * token - over * tick)
    end
    return max(0, min(FURTHEST, ahead))
end

-- Reads what is out, and returns the quota without it. Nothing is granted for
-- more than a term, so after a step back of the clock it all ends with the next.
local function read_held(state, quota, now)
    local rest, held, term = match(quota, '^(.*%a) (%d+) (%d+)$')
    if not rest then return quota end
    state.held = min(FURTHEST, tonumber(held))
    state.term = min(tonumber(term), floor(now / TERM) + 1)
    return rest
end

-- Counts what was out as spent if its term is over.
local function end_term(state, now, token, tick)
    if state.held and now >= (state.term + 1) * TERM then
        state.at, state.ahead = now, units_left(state, now, token, tick)
        state.held, state.term = nil, nil
    end
end

-- A clock that stepped back since the state was written does not tell how much time
-- has passed. The state is written anew even for a denial, or the bucket would stay
-- where it is until the clock is there again.
local function step_back(state, now, token, tick, size)
    local most = max(size * token, state.ahead)
    if (state.at - now) * tick + state.ahead > most then
        state.at, state.ahead, state.retuned = now, most, true
    end
end

local function arrival(terms, kind)
    local token, tick, size, queues = terms[1], terms[2], terms[3], terms[4] == 1
    local room = size * token
    local quota = format(' %.0f %.0f %.0f ', token, tick, size) .. kind

    -- Units from now until the bucket is whole: 0 when it is.
    local function distance(state, now)
        return units_left(state, now, token, tick)
    end

    -- The tokens that the bucket has kept under another quota, as units of this
    -- one: debt stays debt, and of a token begun at most two units are lost.
    local function retune(state, other, now)
        local token0, tick0, size0, kind0 = match(other, '^ ([1-9]%d*) ([1-9]%d*) ([1-9]%d*) (%a)$')
        token0, tick0, size0 = tonumber(token0), tonumber(tick0), tonumber(size0)
        if kind0 ~= kind or max(token0, tick0, size0) > FURTHEST then return false end
        step_back(state, now, token0, tick0, size0)
        end_term(state, now, token0, tick0)
        local left = size0 * token0 - units_left(state, now, token0, tick0)
        local tokens = floor(left / token0)
        -- A quotient of doubles may be a unit too large.
        local part = max(0, floor((left - tokens * token0) / token0 * token) - 1)
        state.at, state.ahead = now, max(0, min(FURTHEST, (size - tokens) * token - part))
        state.retuned = true
        return true
    end

    local function read(key, now)
        local value = look('GET', key)
        if value == false then return { at = now, ahead = 0, found = 0, unseen = true } end
        local at, ahead, other = match(value or '', '^(%d+) (%d+)( .+)$')
        local state = { at = tonumber(at), ahead = tonumber(ahead) }
        local known = at and state.at <= FURTHEST and state.ahead <= FURTHEST
        if known and other ~= quota then
            other = read_held(state, other, now)
            known = other == quota or retune(state, other, now)
        end
        if not known then return nil end
        step_back(state, now, token, tick, size)
        end_term(state, now, token, tick)
        local ahead = distance(state, now)
        -- What waits are reckoned from is where a booking starts, too.
        if ahead == FURTHEST then state.at, state.ahead = now, ahead end
        state.found = ahead
        return state
    end

    local function found(state, reply)
        reply[#reply + 1] = state.found
    end

    -- `take` in Rust.
    local function decide(state, now, cost)
        if cost > size then return false end
        local ahead = distance(state, now)
        local excess = ahead - (room - cost * token)
        if excess > 0 then return ceil(excess / tick) end
        if cost > 0 then
            state.at, state.ahead = now, ahead + cost * token
            if queues and ahead > 0 then return ceil(ahead / tick), true end
        end
    end

    local function remaining(state, now)
        return floor(max(0, room - distance(state, now)) / token)
    end

    local function credit(state, now, cost)
        state.at, state.ahead = now, max(0, distance(state, now) - cost * token)
    end

    -- What is out stays taken.
    local function reset(state, now)
        credit(state, now, FURTHEST)
    end

    local function debit(state, now, cost)
        state.at, state.ahead = now, min(FURTHEST, distance(state, now) + cost * token)
    end

    -- Only while nobody came after it, or else a newcomer would be given the
    -- place of the last who did. See `mark` in Rust.
    local function give_back(state, now, cost, at, mark)
        if state.unseen or state.retuned then return 0 end
        if (state.at - at + 1) * tick + state.ahead ~= mark then return 0 end
        credit(state, now, cost)
        return cost
    end

    -- What was spent is out no more. Half of what is left goes out, unless the
    -- clock stepped back: then nothing does until the term has come again.
    local function lease(state, now, want, spent, term)
        local present, held, granted = floor(now / TERM), state.held or 0, 0
        local current = state.term or present
        if current == present then granted = min(want, floor(remaining(state, now) / 2)) end
        if state.term == term then held = max(0, held - spent) end
        state.at, state.ahead = now, distance(state, now) + granted * token
        state.held, state.term = held + granted, current
        return granted, current, (current + 1) * TERM
    end

    -- What comes back after its term counts as spent, and no more comes back
    -- than is out.
    local function unlease(state, now, unspent, spent, term)
        if state.term ~= term then return false end
        local out = max(0, state.held - spent)
        unspent = min(unspent, out)
        credit(state, now, unspent)
        state.held = out - unspent
        return true
    end

    -- All of it, less the time for which the bucket would have been whole without
    -- it: whoever came since found it no fuller than that.
    local function undo(state, now, cost, at, mark)
        if queues then return give_back(state, now, cost, at, mark) end
        local before = max(0, mark - tick - cost * token)
        local back = cost * token - max(0, max(0, now - at) * tick - before)
        if back <= 0 then return 0 end
        state.at, state.ahead = now, max(0, distance(state, now) - back)
        return cost
    end

    local function write(key, state, now)
        local ahead = distance(state, now)
        if ahead == 0 then return call('DEL', key) end
        -- As of now, so that a later instant than the present was never written.
        local value, life = format('%.0f %.0f', now, ahead) .. quota, ceil(ahead / tick)
        if state.held and state.held > 0 then
            value = value .. format(' %.0f %.0f', state.held, state.term)
            local refill = min(FURTHEST, state.held * token)
            life = max(life, (state.term + 1) * TERM - now + ceil(refill / tick))
        end
        keep(key, value, life)
    end

    return {
        queues = queues, read = read, found = found, decide = decide, remaining = remaining,
        credit = credit, debit = debit, give_back = give_back, undo = undo, write = write,
        lease = lease, unlease = unlease, reset = reset,
    }
end
