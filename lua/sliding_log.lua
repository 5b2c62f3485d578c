-- The exact sliding window: it remembers when everything passed that is still
-- within the window. Mirrors src/limit/sliding_log.rs.
--
-- terms   limit, width in ticks
-- KEYS    hold a list, oldest first, of '<at> <cost> <total>': what passed at an
--         instant, and what had passed until then, counted modulo 2^53. So the
--         cost of any stretch is known from its ends, and searches bisect.
-- found   cost in the window, number of pairs, pairs of instant and cost. They
--         are only those entries that a decision asked about, each with what
--         lies between it and the one before, and the last.

-- `Log` in Rust, as an overlay: the entries [first, kept) of the list, whose cost
-- is `sum`, and behind them those in `tail`. Nothing is written before `write`.
local function log(key)
    local self = { first = 0, kept = 0, sum = 0, used = 0, tail = {} }
    local length, base, oldest, last, asked, found = 0, 0, nil, nil, {}, 0

    local function total(a, b)
        local room = FURTHEST + 1 - b
        return a < room and a + b or a - room
    end

    local function since(total)
        return total < base and total - base + FURTHEST + 1 or total - base
    end

    local function entry(index)
        local value = try('LINDEX', key, format('%.0f', index))
        if type(value) ~= 'string' then return nil end
        local at, cost, sum = match(value, '^(%d+) (%d+) (%d+)$')
        at, cost, sum = tonumber(at), tonumber(cost), tonumber(sum)
        if at and max(at, cost, sum) <= FURTHEST then return { at = at, cost = cost, total = sum } end
    end

    -- The first entry in (low, high] for which `holds`; it holds for the last.
    -- Most often that is near the beginning, so steps grow from there.
    local function first_that(low, high, holds)
        local step, at_high = 1, nil
        while low + step < high do
            local probe = entry(low + step)
            if not probe or holds(probe) then
                high, at_high = low + step, probe
                break
            end
            low, step = low + step, step * 2
        end
        while high - low > 1 do
            local middle = floor((low + high) / 2)
            local probe = entry(middle)
            if not probe or holds(probe) then high, at_high = middle, probe else low = middle end
        end
        return high, at_high or entry(high)
    end

    -- Reads, and drops what is as old as the window, or older.
    function self.forget(now, width)
        last = entry(-1)
        oldest = last and entry(0)
        if not oldest then return end
        length = call('LLEN', key)
        self.first, self.kept = length, length
        if last.at + width <= now then return end
        self.first = 0
        if oldest.at + width <= now then
            self.first, oldest = first_that(0, length - 1, function(it) return it.at + width > now end)
        end
        oldest = oldest or last
        base = oldest.total - oldest.cost
        if base < 0 then base = base + FURTHEST + 1 end
        self.sum = since(last.total)
        self.used, found = self.sum, self.sum
    end

    function self.last()
        return self.tail[#self.tail] or (self.kept > self.first and last or nil)
    end

    -- Adds an entry, which never lies before the last one, even if the clock
    -- stepped back. A log that is `full` stretches its last entry.
    function self.push(now, cost, full)
        local tail, newest = self.tail, self.last()
        local stretch = self.kept - self.first + #tail >= full
        cost = min(cost, FURTHEST - self.used)
        self.used = self.used + cost
        if not newest then
            tail[1] = { at = now, cost = cost, total = cost }
        elseif newest.at >= now or stretch then
            if #tail == 0 then
                self.kept, self.sum = self.kept - 1, self.sum - newest.cost
            end
            tail[max(1, #tail)] = {
                at = max(newest.at, now), cost = newest.cost + cost, total = total(newest.total, cost),
            }
        else
            tail[#tail + 1] = { at = now, cost = cost, total = total(newest.total, cost) }
        end
    end

    -- Takes back the newest.
    function self.pop(cost)
        local tail = self.tail
        cost = min(cost, self.used)
        self.used = self.used - cost
        while cost > 0 and #tail > 0 do
            local newest = tail[#tail]
            local taken = min(newest.cost, cost)
            cost = cost - taken
            newest.cost, newest.total = newest.cost - taken, total(newest.total, FURTHEST + 1 - taken)
            if newest.cost == 0 then tail[#tail] = nil end
        end
        if cost == 0 then return end
        local rest = self.sum - cost
        if rest == 0 then
            self.kept, self.sum = self.first, 0
            return
        end
        local index, it = first_that(self.first - 1, self.kept - 1, function(it) return since(it.total) >= rest end)
        local over = since(it.total) - rest
        self.kept, self.sum = index, rest - (it.cost - over)
        tail[1] = { at = it.at, cost = it.cost - over, total = total(base, rest) }
    end

    -- Takes back what was booked for an instant, if it is there. What lies
    -- behind it is yet to come, too, and so is never much.
    function self.take_out(at, cost)
        if self.kept == self.first then return 0 end
        local index, it = first_that(self.first - 1, self.kept - 1, function(it) return it.at >= at end)
        if it.at ~= at or it.cost < cost then return 0 end
        local tail = {}
        for behind = index, self.kept - 1 do
            local own = entry(behind)
            if behind == index then own.cost = own.cost - cost end
            own.total = total(own.total, FURTHEST + 1 - cost)
            if own.cost > 0 then tail[#tail + 1] = own end
        end
        self.kept, self.sum, self.tail = index, since(it.total) - it.cost, tail
        self.used = self.used - cost
        return cost
    end

    -- The instant of the entry with which `excess` of the oldest is gone.
    function self.when_gone(excess)
        if excess > self.sum then
            local gone = self.sum
            for _, it in ipairs(self.tail) do
                gone = gone + it.cost
                if gone >= excess then return it.at end
            end
            return nil
        end
        for _, it in ipairs(asked) do
            if it.gone - it.cost < excess and excess <= it.gone then return it.at end
        end
        local index, it = self.first, oldest
        if excess > oldest.cost then
            index, it = first_that(index, self.kept - 1, function(it) return since(it.total) >= excess end)
        end
        asked[#asked + 1] = { gone = since(it.total), cost = it.cost, at = it.at, index = index }
        return it.at
    end

    function self.found(reply)
        local next, pairs, gone = #reply + 1, 0, 0
        local function tell(at, upto)
            local place = next + 2 + 2 * pairs
            reply[place], reply[place + 1] = at, upto - gone
            pairs, gone = pairs + 1, upto
        end
        reply[next], reply[next + 1] = found, 0
        table.sort(asked, function(a, b) return a.index < b.index end)
        for _, it in ipairs(asked) do tell(it.at, it.gone) end
        if gone < found then tell(last.at, found) end
        reply[next + 1] = pairs
    end

    function self.write(now, width)
        local newest = self.last()
        if not newest or self.kept == self.first then
            call('DEL', key)
        elseif self.first > 0 or self.kept < length then
            call('LTRIM', key, format('%.0f', self.first), format('%.0f', self.kept - 1))
        end
        if not newest then return end
        for _, it in ipairs(self.tail) do
            call('RPUSH', key, format('%.0f %.0f %.0f', it.at, it.cost, it.total))
        end
        call('PEXPIRE', key, expiry(max(0, newest.at + width - now)))
    end

    return self
end

rules.sliding_log = function(terms)
    local limit, width = terms[1], terms[2]
    local rule = {}

    -- Ticks until `cost`, which is within the limit, passes: 0 if it does now.
    local function wait(log, now, cost)
        local last, excess, gone = log.last(), log.used + cost - limit, 0
        local at = excess > 0 and log.when_gone(excess)
        if at then gone = max(0, at + width - now) end
        return max(gone, last and last.at - now or 0)
    end

    -- The replay asks when there is more to have: so that this is found, too.
    local function decision(log, now)
        local units, last = max(0, limit - log.used), log.last()
        if last and last.at > now then units = 0 end
        if units < limit then wait(log, now, units + 1) end
    end

    function rule.read(key, now)
        local log = log(key)
        log.forget(now, width)
        return log
    end

    function rule.found(log, reply)
        log.found(reply)
    end

    function rule.decide(log, now, cost)
        local wait = cost <= limit and wait(log, now, cost)
        if wait == 0 and cost > 0 then log.push(now, cost, 2 * limit) end
        decision(log, now)
        if wait ~= 0 then return wait end
    end

    function rule.remaining(log, now)
        local last = log.last()
        return last and last.at > now and 0 or max(0, limit - log.used)
    end

    function rule.credit(log, now, cost)
        log.pop(cost)
    end

    function rule.debit(log, now, cost)
        if cost > 0 then log.push(now, cost, 2 * limit) end
    end

    function rule.book(log, now, cost, wait)
        if cost > 0 then log.push(now + wait, cost, 1 / 0) end
        decision(log, now)
    end

    function rule.give_back(log, now, cost, at)
        return log.take_out(at, cost)
    end

    function rule.write(key, log, now)
        log.write(now, width)
    end

    return rule
end
