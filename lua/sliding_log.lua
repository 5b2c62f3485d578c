-- The exact sliding window: it remembers when everything passed that is still
-- within the window. Mirrors src/limit/rules/sliding_log.rs; keys: see log.lua.
--
-- terms   limit, width in ticks
-- found   cost in the window, number of pairs, pairs of instant and cost. They
--         are only those entries that a decision asked about, each with what
--         lies between it and the one before, and the last.

rules.sliding_log = function(terms)
    local limit, width = terms[1], terms[2]

    -- Ticks until `cost`, which is within the limit, passes: 0 if it does now.
    local function wait(log, now, cost)
        local newest, excess, gone = last(log), log.used + cost - limit, 0
        local at = excess > 0 and when_gone(log, excess)
        if at then gone = max(0, at + width - now) end
        return max(gone, newest and newest.at - now or 0)
    end

    local function remaining(log, now)
        local newest = last(log)
        return newest and newest.at > now and 0 or max(0, limit - log.used)
    end

    -- Asks what the replay will ask: when there is more to have.
    local function decision(log, now)
        local units = remaining(log, now)
        if units < limit then wait(log, now, units + 1) end
    end

    local function read(key, now)
        return forget(key, now, width)
    end

    local function found(log, reply)
        local next, pairs, gone, asked = #reply + 1, 0, 0, log.asked
        local function tell(at, upto)
            local place = next + 2 + 2 * pairs
            reply[place], reply[place + 1] = at, upto - gone
            pairs, gone = pairs + 1, upto
        end
        reply[next], reply[next + 1] = log.found, 0
        if #asked > 1 then table.sort(asked, function(a, b) return a.gone < b.gone end) end
        for _, it in ipairs(asked) do
            -- Totals that do not add up are not ours.
            if it.gone <= gone or it.gone > log.found then log.unreadable = true end
            tell(it.at, it.gone)
        end
        if gone < log.found then tell(log.last_found.at, log.found) end
        reply[next + 1] = pairs
    end

    local function decide(log, now, cost)
        local wait = cost <= limit and wait(log, now, cost)
        if wait == 0 and cost > 0 then push(log, now, cost, 2 * limit) end
        decision(log, now)
        if wait ~= 0 then return wait end
    end

    local function debit(log, now, cost)
        if cost > 0 then push(log, now, cost, 2 * limit) end
    end

    local function book(log, now, cost, wait)
        if cost > 0 then
            push(log, now + wait, cost, 1 / 0)
            last(log).booked = true
        end
        decision(log, now)
    end

    local function write(key, log, now)
        local newest = last(log)
        if not newest or log.kept == log.first then
            call('DEL', key)
        elseif log.first > 0 or log.kept < log.length then
            call('LTRIM', key, format('%.0f', log.first), format('%.0f', log.kept - 1))
        end
        if not newest then return end
        for _, it in ipairs(log.tail) do
            local entry = format('%.0f %.0f %.0f', it.at, it.cost, it.total)
            call('RPUSH', key, it.booked and entry .. ' b' or entry)
        end
        call('PEXPIRE', key, expiry(max(0, newest.at + width - now)))
    end

    local function give_back(log, _, cost, at)
        return take_out(log, cost, at)
    end

    return {
        read = read, found = found, decide = decide, remaining = remaining, book = book, write = write,
        credit = function(log, _, cost) pop(log, cost) end, debit = debit,
        give_back = give_back, undo = give_back,
    }
end
