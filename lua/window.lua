-- Counting windows: which window, and what was counted in it and the one
-- before. Mirrors src/limit/rules/window.rs.
--
-- terms   limit, width in ticks, and the most that a count can be
-- KEYS    hold '<index> <previous> <current> <width> <kind>', and while it is
--         leased ' <held> <ends>': so much of the current count is out until
--         that instant, and stays counted whatever is given back. The kind is a
--         capital letter if the window was yet to begin when that was written, for
--         a place that was booked in advance. If it is not, and the window is not
--         even the next one, the clock stepped back since: then all counts in the
--         present window, for how much of it would be forgotten by now is unknown.
-- found   index of the window (the present one, or a later one), previous, current

local lower, upper = string.lower, string.upper

local function window(terms, counters, kind)
    local width, most = terms[2], terms[3]
    local quota = format(' %.0f ', width) .. kind
    local rule

    -- Moves the counts on to the window at `now`, unless theirs is a later one,
    -- and answers how many windows later that is. What was leased under another
    -- width may have been spent in the window at `now`, too, so it counts there.
    local function advance(state, now, width)
        local index = floor(now / width)
        local later = state.index - index
        if later < 0 then
            state.index, state.previous = index, later == -1 and counters == 2 and state.current or 0
            state.current = state.held and state.ends > index * width and state.held or 0
        end
        if state.held and now >= state.ends then state.held = nil end
        return max(0, later)
    end

    -- Answers also how far the window has come, and how long until it begins.
    local function view(state, now)
        local later, elapsed = advance(state, now, width), now % width
        if later > 0 then return 0, later * width - elapsed end
        return elapsed, 0
    end

    -- The window of the counts had begun when they were written, so after a step
    -- back of the clock what is out lasts no longer than it did from then on. It may
    -- have been granted under a wider window than this one. Only where the counts
    -- move to the present window, or the next read would take it off again.
    local function end_soon(state, now, width)
        if state.held then state.ends = min(state.ends, now + state.ends - state.index * width) end
    end

    -- Written anew even for a denial, or it would never be forgotten.
    local function step_back(state, now)
        local index = floor(now / width)
        if state.index - index < 2 or state.booked then return end
        end_soon(state, now, width)
        state.current, state.retuned = min(most, state.previous + state.current), true
        state.index, state.previous = index, 0
    end

    -- What windows of another width count at present counts in the present
    -- window of this one, rounded up; so does what they have yet to begin with.
    local function retune(state, other, now)
        local width0, kind0 = match(other, '^ ([1-9]%d*) (%a)$')
        width0 = tonumber(width0)
        if kind0 ~= kind or width0 > FURTHEST then return false end
        end_soon(state, now, width0)
        local later, left = advance(state, now, width0), width0 - now % width0
        local previous = state.previous
        if later == 0 then
            -- In steps of more than a tick where the product would leave 2^53.
            local step = max(1, ceil(previous * width0 / 4503599627370496))
            previous = min(previous, ceil(previous * ceil(left / step) / floor(width0 / step)))
        end
        state.index, state.previous = floor(now / width), 0
        state.current, state.retuned = min(most, previous + state.current), true
        return true
    end

    -- Reads what is out, and returns the quota without it.
    local function read_held(state, quota)
        local rest, held, ends = match(quota, '^(.*%a) (%d+) (%d+)$')
        if not rest then return quota end
        state.held, state.ends = min(state.current, tonumber(held)), tonumber(ends)
        return rest
    end

    local function read(key, now)
        local value, state = look('GET', key), nil
        if value == false then
            state = { index = floor(now / width), previous = 0, current = 0 }
        else
            local index, previous, current, other = match(value or '', '^(%d+) (%d+) (%d+)( .+)$')
            index, previous, current = tonumber(index), tonumber(previous), tonumber(current)
            if not index or max(index, previous, current) > FURTHEST then return nil end
            state = { index = index, previous = min(most, previous), current = min(most, current) }
            if other ~= quota then other = read_held(state, other) end
            state.booked = match(other, '%u') ~= nil
            other = lower(other)
            -- No window that begins later was ever written.
            local known = other == quota and index * width <= FURTHEST
            if not known and (other == quota or not retune(state, other, now)) then return nil end
        end
        step_back(state, now)
        view(state, now)
        state.found, state.found_previous, state.found_current = state.index, state.previous, state.current
        return state
    end

    local function found(state, reply)
        local next = #reply + 1
        reply[next], reply[next + 1], reply[next + 2] = state.found, state.found_previous, state.found_current
    end

    local function credit(state, now, cost)
        view(state, now)
        state.current = max(state.held or 0, state.current - cost)
    end

    local function reset(state, now)
        view(state, now)
        state.previous, state.current = 0, state.held or 0
    end

    local function debit(state, now, cost)
        view(state, now)
        state.current = min(most, state.current + cost)
    end

    -- A booking counts in the window in which it falls due, and a charge in that
    -- of its instant.
    local function give_back(state, now, cost, at)
        if state.index ~= floor(at / width) then return 0 end
        cost = min(cost, state.current)
        credit(state, now, cost)
        return cost
    end

    -- Whoever holds a lease spends it in the window in which it was counted, and
    -- tells what was spent: that is out no more.
    local function lease(state, now, want, spent, index)
        local held, ends = state.held or 0, (state.index + 1) * width
        if state.index == index then held = max(0, held - spent) end
        local granted = min(want, floor(rule.remaining(state, now) / 2))
        state.current, state.held = state.current + granted, held + granted
        state.ends = max(ends, state.ends or 0)
        return granted, state.index, ends
    end

    local function unlease(state, now, unspent, spent, index)
        if state.index ~= index or not state.held then return false end
        local out = max(0, state.held - spent)
        unspent = min(unspent, out)
        state.held = out - unspent
        credit(state, now, unspent)
        return true
    end

    -- Counts of nothing are no more than a bucket never seen, unless their
    -- window is yet to begin: then they stand for what they have displaced.
    local function write(key, state, now)
        local elapsed, ahead = view(state, now)
        if state.previous == 0 and state.current == 0 and ahead == 0 then
            call('DEL', key)
        else
            local value = format('%.0f %.0f %.0f', state.index, state.previous, state.current)
            value = value .. (ahead > 0 and upper(quota) or quota)
            local life = rule.life(state, elapsed, ahead)
            if state.held and state.held > 0 then
                value = value .. format(' %.0f %.0f', state.held, state.ends)
                life = max(life, state.ends - now)
            end
            keep(key, value, life)
        end
    end

    -- The rule itself has yet to say how it decides.
    rule = {
        limit = terms[1], width = width, read = read, found = found, decide = false, remaining = false,
        credit = credit, debit = debit, give_back = give_back, undo = give_back, life = false,
        write = write, lease = lease, unlease = unlease, reset = reset,
    }
    return rule, view
end
