-- Counting windows: which window, and what was counted in it and the one
-- before. Mirrors src/limit/window.rs.
--
-- terms   limit, width in ticks, and the most that a count can be
-- KEYS    hold '<index> <previous> <current> <width> <kind>', and while it is
--         leased ' <held>': so much of the current count is out, and stays
--         counted whatever is given back
-- found   index of the window (the present one, or a later one), previous, current

local function window(terms, counters, kind)
    local width, most = terms[2], terms[3]
    local quota = format(' %.0f ', width) .. kind
    local rule

    -- Moves the counts on to the present window, unless theirs is a later one.
    -- Answers how far it has come, and how long until it begins.
    local function view(state, now)
        local index = floor(now / width)
        local elapsed, behind = now - index * width, index - state.index
        if behind < 0 then return 0, -behind * width - elapsed end
        if behind > 0 then
            local previous = behind == 1 and counters == 2 and state.current or 0
            state.index, state.previous, state.current, state.held = index, previous, 0, nil
        end
        return elapsed, 0
    end

    -- What windows of another width count at present counts in the present
    -- window of this one, rounded up; so does what they have yet to begin with.
    local function retune(state, other, now)
        local width0, kind0 = match(other, '^ ([1-9]%d*) (%a)$')
        width0 = tonumber(width0)
        if kind0 ~= kind or width0 > FURTHEST then return false end
        local index = floor(now / width0)
        local left, behind = width0 - (now - index * width0), index - state.index
        local previous, current = state.previous, state.current
        if behind > 0 then previous, current = behind == 1 and current or 0, 0 end
        if behind >= 0 then
            -- In steps of more than a tick where the product would leave 2^53.
            local step = max(1, ceil(previous * width0 / 4503599627370496))
            previous = min(previous, ceil(previous * ceil(left / step) / floor(width0 / step)))
            if counters == 1 then previous = 0 end
        end
        state.index, state.previous = floor(now / width), 0
        state.current, state.retuned = min(most, previous + current), true
        return true
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
            if other ~= quota then
                local rest, held = match(other, '^(.*%a) (%d+)$')
                if rest then other, state.held = rest, min(state.current, tonumber(held)) end
            end
            -- No window that begins later was ever written.
            local known = other == quota and index * width <= FURTHEST
            if not known and (other == quota or not retune(state, other, now)) then return nil end
        end
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
        local held = state.held or 0
        if state.index == index then held = max(0, held - spent) end
        local granted = min(want, floor(rule.remaining(state, now) / 2))
        state.current, state.held = state.current + granted, held + granted
        return granted, state.index, (state.index + 1) * width
    end

    local function unlease(state, now, unspent, spent, index)
        if state.index ~= index or not state.held then return false end
        unspent = min(unspent, state.held)
        state.held = max(0, state.held - unspent - spent)
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
            local value = format('%.0f %.0f %.0f', state.index, state.previous, state.current) .. quota
            if state.held and state.held > 0 then value = value .. format(' %.0f', state.held) end
            keep(key, value, rule.life(state, elapsed, ahead))
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
