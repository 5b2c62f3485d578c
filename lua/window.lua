-- Counting windows: which window, and what was counted in it and in the one before.
-- The base of the fixed and the sliding window. Twin of src/limit/rules/window.rs.
--
-- params  limit, width in ticks, and the largest count
-- KEYS    hold '<index> <previous> <current> <width> <kind>', and behind that, while
--         the window is leased, what lease.lua adds. The kind is a capital letter if
--         the window had not begun when that was written, because of a place that
--         was reserved in advance. If it is not, and the window is not even the next one,
--         the clock stepped back since: then all counts in the present window,
--         because how much of it would be forgotten by now is unknown.
-- emits   index of the window (the present one, or a later one), previous, current

local lower, upper = string.lower, string.upper

-- Moves the counts to the window at `now`. Returns how far that has come, and how
-- long until it begins if the counts are those of a later one.
function window.view(rule, state, now)
    local later, elapsed = rule:advance(state, now, rule.width), now % rule.width
    if later > 0 then return 0, later * rule.width - elapsed end
    return elapsed, 0
end

-- Moves the counts on to the window of this width at `now`, unless theirs is a later
-- one, and returns how many windows later that is. Tokens that were leased under
-- another width may have been spent in the window at `now`, so they count there.
function window.advance(rule, state, now, width)
    local index = floor(now / width)
    local later = state.index - index
    if later < 0 then
        local keeps = later == -1 and rule.counters == 2
        state.index, state.previous = index, keeps and state.current or 0
        state.current = state.held and state.ends > index * width and state.held or 0
    end
    if state.held and now >= state.ends then state.held = nil end
    return max(0, later)
end

function window.credit(rule, state, now, cost)
    rule:view(state, now)
    state.current = max(state.held or 0, state.current - cost)
end

function window.reset(rule, state, now)
    rule:view(state, now)
    state.previous, state.current = 0, state.held or 0
end

function window.debit(rule, state, now, cost)
    rule:view(state, now)
    state.current = min(rule.most, state.current + cost)
end

-- Takes back what was charged at the instant `at`, as much of it as is counted in
-- that window, while it is one of those of the state: the present one, a later one
-- that is booked, or the one before.
function window.undo(rule, state, now, cost, at)
    local later = state.index - floor(at / rule.width)
    if later == 1 then
        cost = min(cost, state.previous)
        state.previous = state.previous - cost
        return cost
    elseif later ~= 0 then
        return 0
    end
    cost = min(cost, state.current)
    rule:credit(state, now, cost)
    return cost
end

-- A booking counts in the window in which it falls due.
window.give_back = window.undo

function window.new(methods, terms, counters)
    local limit, width, most = match(terms, '^(%d+) (%d+) (%d+)')
    local rule = { limit = tonumber(limit), width = tonumber(width), most = tonumber(most) }
    rule.counters, rule.quota = counters, ' ' .. width .. ' ' .. sub(terms, -1)
    return setmetatable(rule, { __index = methods })
end

-- Writes anew, even for a denial, the counts that the clock's step back has moved.
-- Otherwise they were never forgotten.
function window.step_back(rule, state, now)
    local index = floor(now / rule.width)
    if state.index - index < 2 or state.booked then return end
    rule.shorten_lease(state, now, rule.width)
    state.stepped = (state.index + 1) * rule.width
    state.current, state.rewrite = min(rule.most, state.previous + state.current), true
    state.index, state.previous = index, 0
end

function window.read(rule, key, now)
    local value, state = read_command('GET', key), nil
    if value == false then
        state = { index = floor(now / rule.width), previous = 0, current = 0 }
    else
        local index, previous, current, quota = match(value or '', '^(%d+) (%d+) (%d+)( .+)$')
        index, previous, current = tonumber(index), tonumber(previous), tonumber(current)
        if not index or max(index, previous, current) > FURTHEST then return nil end
        local most = rule.most
        state = { index = index, previous = min(most, previous), current = min(most, current) }
        if quota ~= rule.quota then quota = rule.read_lease(state, quota) end
        state.booked = match(quota, '%u') ~= nil
        quota = lower(quota)
        if quota ~= rule.quota then
            if not rule:apply_new_quota(state, quota, now) then return nil end
        elseif index * rule.width > FURTHEST then
            -- No window that begins later was ever written.
            return nil
        end
    end
    rule:step_back(state, now)
    rule:view(state, now)
    state.found = { state.index, state.previous, state.current }
    return state
end

function window.emit(_, state, reply)
    local next, found = #reply + 1, state.found
    reply[next], reply[next + 1], reply[next + 2] = found[1], found[2], found[3]
end

-- Counts of nothing are a bucket never seen, unless their window is yet to begin:
-- then they stand for what they have displaced.
function window.write(rule, key, state, now)
    if state.stepped then holds.step_back(key, state.stepped) end
    local elapsed, ahead = rule:view(state, now)
    if state.previous == 0 and state.current == 0 and ahead == 0 then return call('DEL', key) end
    local value = format('%.0f %.0f %.0f', state.index, state.previous, state.current)
    value = value .. (ahead > 0 and upper(rule.quota) or rule.quota)
    local life = rule:life(state, elapsed, ahead)
    if state.held and state.held > 0 then
        value = value .. format(' %.0f %.0f', state.held, state.ends)
        life = max(life, state.ends - now)
    end
    set_state(key, value, life)
end

setmetatable(window, on_demand)
