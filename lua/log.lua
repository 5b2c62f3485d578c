-- The log of a bucket: the admitted costs and their instants. Twin of
-- src/limit/rules/log.rs.
--
-- KEYS    hold a list, oldest first, of '<at> <cost> <total>': the cost that passed
--         at an instant, and all that had passed with it, counted modulo 2^53. So
--         the cost of any stretch is known from its ends, and searches bisect. ' b'
--         follows if the entry was booked in advance. If the last entry lies further
--         ahead than a window and was not booked, it was logged before the clock
--         stepped back; then all that was in the window counts as of now.

-- Sums and differences of totals, modulo 2^53.
local function plus(total, cost)
    local room = FURTHEST - cost + 1
    return total < room and total + cost or total - room
end

local function minus(total, cost)
    return total < cost and total - cost + FURTHEST + 1 or total - cost
end

-- Returns an entry of the list; nil if there is none, or if it cannot be read.
local function entry(log, index)
    local value = read_command('LINDEX', log.key, format('%.0f', index))
    if value == false then return nil end
    local at, cost, total, booked = match(value or '', '^(%d+) (%d+) (%d+)( ?b?)$')
    at, cost, total, booked = tonumber(at), tonumber(cost), tonumber(total), booked == ' b'
    if at and max(at, cost, total) <= FURTHEST then
        return { at = at, cost = cost, total = total, booked = booked }
    end
    log.unreadable = true
end

-- Finds the first entry in (low, high] for which `holds`, which it does for the last.
-- Most often that is near the beginning, so steps grow from there.
local function bisect(log, low, high, holds)
    local step, at_high = 1, nil
    while high - low > 1 do
        local middle = low + step
        if step == 0 or middle >= high then
            step, middle = 0, floor((low + high) / 2)
        end
        local probe = entry(log, middle)
        if not probe or holds(probe) then
            high, at_high, step = middle, probe, 0
        else
            low, step = middle, step * 2
        end
    end
    return high, at_high or entry(log, high) or log.last_found
end

-- Counts the whole log as of now. It is written anew even for a denial: otherwise
-- nothing would pass until the clock is there again.
local function step_back(log, now)
    local used = log.used
    log.first, log.kept, log.sum, log.base = log.length, log.length, 0, 0
    log.last_found = { at = now, cost = used, total = used }
    log.tail[1] = { at = now, cost = used, total = used }
    log.rewrite = true
end

-- Reads the log, without the entries that are as old as the window, or older. It is an
-- overlay: the entries [first, kept) of the list, whose cost is `sum`, and behind them
-- those in `tail`. Nothing is written before `write`.
local function forget(key, now, width)
    local log = {
        key = key, length = 0, first = 0, kept = 0, sum = 0, used = 0, tail = {}, asked = {},
        base = 0, found = 0, oldest = false, last_found = false,
    }
    local last = entry(log, -1)
    local oldest = last and entry(log, 0)
    if not oldest then return log end
    local length, first, present = call('LLEN', key), 0, now
    log.length, log.first, log.kept = length, length, length
    if last.at > now and not last.booked then log.stepped = last.at end
    local stepped_back = last.at > now + width and not last.booked
    if stepped_back then now = last.at end
    if last.at + width <= now then return log end
    log.last_found = last
    if oldest.at + width <= now then
        first, oldest = bisect(log, 0, length - 1, function(it) return it.at + width > now end)
    end
    log.first, log.oldest, log.base = first, oldest, minus(oldest.total, oldest.cost)
    local used = minus(last.total, log.base)
    if oldest.at > last.at or last.cost == 0 or used < last.cost then log.unreadable = true end
    log.sum, log.used, log.found = used, used, used
    if stepped_back then step_back(log, present) end
    return log
end

local function last(log)
    return log.tail[#log.tail] or (log.kept > log.first and log.last_found or nil)
end

-- Adds an entry, which never lies before the last one, even if the clock
-- stepped back. A log of `full` entries stretches its last one.
local function push(log, now, cost, full)
    local tail, newest = log.tail, last(log)
    local stretch = log.kept - log.first + #tail >= full
    cost = min(cost, FURTHEST - log.used)
    log.used = log.used + cost
    if not newest then
        tail[1] = { at = now, cost = cost, total = cost }
    elseif newest.at >= now or stretch then
        if #tail == 0 then log.kept, log.sum = log.kept - 1, log.sum - newest.cost end
        local at, total = max(newest.at, now), plus(newest.total, cost)
        local booked = newest.booked
        tail[max(1, #tail)] = { at = at, cost = newest.cost + cost, total = total, booked = booked }
    else
        tail[#tail + 1] = { at = now, cost = cost, total = plus(newest.total, cost) }
    end
end

-- Takes back so much of the newest entries.
local function pop(log, cost)
    local tail = log.tail
    cost = min(cost, log.used)
    log.used = log.used - cost
    while cost > 0 and #tail > 0 do
        local newest = tail[#tail]
        local taken = min(newest.cost, cost)
        cost, newest.cost, newest.total = cost - taken, newest.cost - taken, minus(newest.total, taken)
        if newest.cost == 0 then tail[#tail] = nil end
    end
    if cost == 0 then return end
    local rest = log.sum - cost
    if rest == 0 then
        log.kept, log.sum = log.first, 0
        return
    end
    local function reaches(it) return minus(it.total, log.base) >= rest end
    local index, it = bisect(log, log.first - 1, log.kept - 1, reaches)
    local before = minus(it.total, log.base) - it.cost
    if before < 0 or before >= rest then log.unreadable = true end
    log.kept, log.sum = index, before
    tail[1] = {
        at = it.at, cost = rest - before, total = plus(log.base, rest), booked = it.booked,
    }
end

-- Takes back a cost that was booked or charged for an instant, if it is there. The
-- entries behind it came in between or are yet to come, so they are never many.
local function take_out(log, cost, at)
    if log.kept == log.first then return 0 end
    local index, it = bisect(log, log.first - 1, log.kept - 1, function(it) return it.at >= at end)
    if it.at ~= at or it.cost < cost then return 0 end
    local tail = {}
    for behind = index, log.kept - 1 do
        local own = entry(log, behind)
        if not own then return 0 end
        if behind == index then own.cost = own.cost - cost end
        own.total = minus(own.total, cost)
        if own.cost > 0 then tail[#tail + 1] = own end
    end
    log.sum = minus(minus(it.total, log.base), it.cost)
    log.kept, log.tail, log.used = index, tail, log.used - cost
    return cost
end

-- Returns the instant of the entry with which `excess` of the oldest is gone.
local function when_gone(log, excess)
    if excess > log.sum then
        local gone = log.sum
        for _, it in ipairs(log.tail) do
            gone = gone + it.cost
            if gone >= excess then return it.at end
        end
        return nil
    end
    for _, it in ipairs(log.asked) do
        if it.gone - it.cost < excess and excess <= it.gone then return it.at end
    end
    local it = log.oldest
    if excess > it.cost then
        local function reaches(it) return minus(it.total, log.base) >= excess end
        local _, found = bisect(log, log.first, log.kept - 1, reaches)
        it = found
    end
    it.gone = minus(it.total, log.base)
    log.asked[#log.asked + 1] = it
    return it.at
end
