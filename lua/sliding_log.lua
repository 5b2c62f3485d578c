-- The exact sliding window: it remembers when everything passed that is still within
-- the window. Twin of src/limit/rules/sliding_log.rs; keys: see log.lua.
--
-- params  limit, width in ticks
-- emits   cost in the window, number of pairs, and the pairs: for each entry that a
--         decision asked about, and for the last one, its instant, and the cost since
--         the pair before, its own included

local sliding_log = {}

-- Takes `cost` if it is there.
function sliding_log.decide(rule, log, now, cost)
    local wait = cost <= rule.limit and rule:wait(log, now, cost)
    if wait == 0 and cost > 0 then push(log, now, cost, 2 * rule.limit) end
    rule:ask_ahead(log, now)
    if wait ~= 0 then return wait end
end

-- Ticks until `cost`, which is within the limit, passes: 0 if it does now. Nothing
-- passes before the last entry: the clock stepped back, or the entry was booked.
function sliding_log.wait(rule, log, now, cost)
    local newest, excess, gone = last(log), log.used + cost - rule.limit, 0
    local at = excess > 0 and when_gone(log, excess)
    if at then gone = max(0, at + rule.width - now) end
    return max(gone, newest and newest.at - now or 0)
end

function sliding_log.remaining(rule, log, now)
    local newest = last(log)
    return newest and newest.at > now and 0 or max(0, rule.limit - log.used)
end

-- Asks what the replay in Rust will ask: when more is left.
function sliding_log.ask_ahead(rule, log, now)
    local units = rule:remaining(log, now)
    if units < rule.limit then rule:wait(log, now, units + 1) end
end

function sliding_log.credit(_, log, _, cost)
    pop(log, cost)
end

function sliding_log.debit(rule, log, now, cost)
    if cost > 0 then push(log, now, cost, 2 * rule.limit) end
end

function sliding_log.undo(_, log, _, cost, at)
    return take_out(log, cost, at)
end

sliding_log.give_back = sliding_log.undo

function sliding_log.book(rule, log, now, cost, wait)
    if cost > 0 then
        push(log, now + wait, cost, 1 / 0)
        last(log).booked = true
    end
    rule:ask_ahead(log, now)
end

function sliding_log.read(rule, key, now)
    return forget(key, now, rule.width)
end

function sliding_log.emit(_, log, reply)
    local next, pairs, gone, asked = #reply + 1, 0, 0, log.asked
    local function emit_pair(at, upto)
        local place = next + 2 + 2 * pairs
        reply[place], reply[place + 1] = at, upto - gone
        pairs, gone = pairs + 1, upto
    end
    reply[next], reply[next + 1] = log.found, 0
    if #asked > 1 then table.sort(asked, function(a, b) return a.gone < b.gone end) end
    for _, it in ipairs(asked) do
        -- Totals that do not add up are not ours.
        if it.gone <= gone or it.gone > log.found then log.unreadable = true end
        emit_pair(it.at, it.gone)
    end
    if gone < log.found then emit_pair(log.last_found.at, log.found) end
    reply[next + 1] = pairs
end

function sliding_log.write(rule, key, log, now)
    if log.stepped then
        load_rest()
        holds.step_back(key, log.stepped)
    end
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
    call('PEXPIRE', key, expiry(max(0, newest.at + rule.width - now)))
end

rules.l = function(terms)
    local limit, width = match(terms, '^(%d+) (%d+)')
    local rule = { limit = tonumber(limit), width = tonumber(width) }
    return setmetatable(rule, { __index = sliding_log })
end
