-- Performs operations one after the other, all at one instant and under one rule.
-- Appended to the rule in a script. Twin of src/limit/rules/script/batch.rs.
--
-- KEYS     the key of each operation; may repeat
-- ARGV[1]  see prelude.lua
-- ARGV[2]  the name of the rule
-- ARGV[3]  the number of its parameters, which follow; then the operations:
--   '<cost>'                 decides, like Rule::decide
--   '<n> <cost> <max_wait>'  reserves n times, each within so many ticks
--   'u <cost>'               takes as much as there is, up to the cost
--   'c <cost>'               credits
--   'd <cost>'               debits
--   'r'                      resets
--   'b <cost> <at> <mark>'   gives back a booking that is due at a later instant
--   'x <cost> <at> <mark>'   undoes a charge of an earlier instant
--   'l <want> <spent> <term>'     leases up to `want`; `spent` tokens of the leases
--                                 of that term were used
--   'y <unspent> <spent> <term>'  gives back what was not spent of the leases of
--                                 that term, and reports what was
--
-- Returns whole numbers: the instant, and for each operation:
--   a decision             how many were admitted, or how much was taken, and the
--                          state before it
--   a credit, debit, reset 1, as for 'y'
--   'b' and 'x'            how much was given back
--   a lease                how much is granted, the state before it, its term, and
--                          when the term ends
-- For a bucket that cannot be read it is UNREADABLE instead, and the state stays;
-- only a reset removes it.

local params = {}
for i = 1, tonumber(ARGV[3]) do params[i] = tonumber(ARGV[3 + i]) end
local rule = rules[ARGV[2]](params)
local reply = { now }

-- Decides, or books the earliest instant within so many ticks, and returns whether the
-- cost passes. Twin of `reserve` in rule.rs.
local function reserve(state, cost, max_wait)
    local wait, queued = rule:decide(state, now, cost)
    if wait == nil then return true end
    if queued then
        if wait > max_wait then rule:credit(state, now, cost) end
        return wait <= max_wait
    end
    -- A booking later than FURTHEST could not be written.
    if not wait or wait > min(max_wait, FURTHEST - now) or rule.queues then return false end
    if not rule.book then return rule:decide(state, now + wait, cost) == nil end
    rule:book(state, now, cost, wait)
    return true
end

-- Returns how many of several equal reservations pass. After the first denial the
-- rest would be denied, too.
local function reserve_many(state, many, cost, max_wait)
    for i = 1, many do
        if not reserve(state, cost, max_wait) then return i - 1 end
    end
    return many
end

-- Takes as much as there is, up to the cost, and returns how much that is. Twin of
-- `take_up_to` in rule.rs.
local function take_up_to(state, cost)
    local left = min(cost, rule:remaining(state, now))
    local wait, queued = rule:decide(state, now, max(left, min(cost, 1)))
    return (wait == nil or queued) and left or 0
end

-- Replies that the state cannot be read, in place of the numbers from `first` on.
local function emit_unreadable(first)
    for place = #reply, first + 1, -1 do reply[place] = nil end
    reply[first] = UNREADABLE
end

-- Performs any operation but a single check. The three numbers are named as those of
-- 'b' and 'x'; the header tells what they are in other operations.
local function change(key, state, operation)
    local verb, cost, at, mark = match(operation, '^(%S+) ?(%d*) ?(%d*) ?(%d*)$')
    cost, at, mark = tonumber(cost), tonumber(at), tonumber(mark)
    local next, done, changed = #reply + 1, 1, true
    if verb == 'r' and state.held then
        rule:reset(state, now)
    elseif verb == 'r' then
        call('DEL', key)
        changed = false
    elseif verb == 'c' then
        rule:credit(state, now, cost)
    elseif verb == 'd' then
        rule:debit(state, now, cost)
    elseif verb == 'l' then
        local term, ends
        reply[next] = 0
        rule:emit(state, reply)
        done, term, ends = rule:refresh_lease(state, now, cost, at, mark)
        reply[#reply + 1], reply[#reply + 2] = term, ends
        changed = done > 0 or at > 0 or state.rewrite
    elseif verb == 'y' then
        changed = rule:return_lease(state, now, cost, at, mark) or state.rewrite
    elseif verb == 'b' then
        done = at > now and rule:give_back(state, now, cost, at, mark) or 0
        changed = done > 0 or state.rewrite
    elseif verb == 'x' then
        done = rule:undo(state, now, cost, at, mark)
        changed = done > 0 or state.rewrite
    else
        reply[next] = 0
        if verb == 'u' then
            done = take_up_to(state, cost)
        else
            done = reserve_many(state, tonumber(verb), cost, at)
        end
        rule:emit(state, reply)
        changed = cost > 0 and (done > 0 or state.rewrite)
    end
    reply[next] = done
    if state.unreadable and verb ~= 'r' then return emit_unreadable(next) end
    if changed then rule:write(key, state, now) end
end

-- Performs a single check, the most frequent operation.
local function check(key, state, cost)
    local next = #reply + 1
    local wait, queued = rule:decide(state, now, cost)
    local admitted = wait == nil or queued
    reply[next] = admitted and 1 or 0
    rule:emit(state, reply)
    if state.unreadable then return emit_unreadable(next) end
    -- A state of another quota is written in terms of this one even for a denial.
    -- Otherwise it would refill at the rate of the other quota.
    if cost > 0 and (admitted or state.rewrite) then rule:write(key, state, now) end
end

local before = 3 + #params
for i = 1, #KEYS do
    local key, operation = KEYS[i], ARGV[before + i]
    local cost = tonumber(operation)
    local state = rule:read(key, now)
    if cost and state then
        check(key, state, cost)
    elseif state or operation == 'r' then
        change(key, state or {}, operation)
    else
        emit_unreadable(#reply + 1)
    end
end

return reply
