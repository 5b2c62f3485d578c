-- Performs operations one after the other, all at one instant and under one rule.
-- Appended to the rule in a script. Twin of src/limit/rules/script/batch.rs.
--
-- KEYS     the key of each operation; may repeat
-- ARGV[1]  see clock.lua
-- ARGV[2], ARGV[3]  the terms of the rule: see rules.lua; or see shortcut.lua, also
--          for keys that have no operation; then the operations:
--   '<cost>'                 decides, like Rule::decide
--   '<n> <cost> <max_wait>'  reserves n times, each within so many ticks
--   'a <n> <cost> <max_wait>'     the same for charges that may be taken back
--   'u <cost>'               takes as much as there is, up to the cost
--   'c <cost>'               credits
--   'd <cost>'               debits
--   'r'                      resets
--   'b <cost> <at> <mark> <generation> <refunds> <credits>'  gives back a booking that
--                                 is due at a later instant
--   'x <cost> <at> <mark> <generation> <refunds> <credits>'  undoes a charge, or such a
--                                 booking: see hold.lua
--   'l <want> <spent> <term>'     leases up to `want`; `spent` tokens of the leases
--                                 of that term were used
--   'y <unspent> <spent> <term>'  gives back what was not spent of the leases of
--                                 that term, and reports what was
--   'h <cost> <max_wait> <term> <orphan> <id>'  reserves once, and holds the charge
--                                 for so many ticks: see hold.lua
--   's <cost> <at> <mark> <generation> <refunds> <credits> <orphan> <id> <actual>'
--                                 settles a hold
--
-- Returns whole numbers: the instant, and for each operation, after its own number if
-- shortcut.lua was asked to do a part of them:
--   a decision             how many were admitted, or how much was taken, and the
--                          state before it
--   'a'                    the same; 1 if the bucket was leased, or 0; and the generation
--                          and the sums of what was given back before: see hold.lua
--   a credit, debit, reset 1, as for 'y'
--   'b' and 'x'            how much was given back
--   a lease                how much is granted, the state before it, its term, and
--                          when the term ends
--   a hold                 1 if it is charged, or 0; the state before it; for when it
--                          is charged, its mark, the generation and the sums of what
--                          was given back before, 1 if it is kept in the set of holds,
--                          or 0, and how many others lapsed
--   's'                    1 if the hold was open, or 0, and how many others lapsed
-- For a bucket that cannot be read it is UNREADABLE instead, and the state stays;
-- only a reset removes it.

local reply = decided or { now }
local terms = ARGV[3] == '' and ARGV[2] or match(ARGV[2], '^ %d+ (.+)$')
local rule = rules[sub(terms, -1)](terms)

-- Replies that the state cannot be read, in place of the numbers from `first` on.
local function emit_unreadable(first)
    for place = #reply, first + 1, -1 do reply[place] = nil end
    reply[first] = UNREADABLE
end

-- Returns the function that performs any operation but a single check. Most calls do not
-- need it: see `on_demand`.
local function make_change()
    -- Decides, or books the earliest instant within so many ticks, and returns whether
    -- the cost passes, and the wait. Twin of `reserve` in rule.rs.
    local function reserve(state, cost, max_wait)
        local wait, queued = rule:decide(state, now, cost)
        if wait == nil then return true, 0 end
        if queued then
            if wait > max_wait then rule:credit(state, now, cost) end
            return wait <= max_wait, wait
        end
        -- A booking later than FURTHEST could not be written.
        if not wait or wait > min(max_wait, FURTHEST - now) or rule.queues then return false end
        if not rule.book then return rule:decide(state, now + wait, cost) == nil, wait end
        rule:book(state, now, cost, wait)
        return true, wait
    end

    -- Reserves once and holds the charge. It writes the state itself, because a hold is
    -- kept for longer than the bucket.
    local function hold(key, state, cost, max_wait, terms)
        local lapsed
        state, lapsed = holds.lapse(rule, key, state)
        local next = #reply + 1
        if not state then return emit_unreadable(next) end
        reply[next] = 0
        rule:emit(state, reply)
        local passes, wait = reserve(state, cost, max_wait)
        if state.unreadable then return emit_unreadable(next) end
        if passes and cost > 0 or state.rewrite then rule:write(key, state, now) end
        local at, mark, generation, refunds, credits, kept = now, 0, 0, 0, 0, 0
        if passes then
            local term, orphan, id = match(terms, '^(%d+) (%a) (%d+)$')
            reply[next], at = 1, now + wait
            mark, generation, refunds, credits, kept =
                holds.record(rule, key, state, cost, at, tonumber(term), orphan, id)
        end
        local rest = #reply
        reply[rest + 1], reply[rest + 2], reply[rest + 3] = at, mark, generation
        reply[rest + 4], reply[rest + 5], reply[rest + 6] = refunds, credits, kept
        reply[rest + 7] = lapsed
    end

    -- Returns how many of several equal reservations pass. After the first denial the
    -- rest would be denied, too. Where costs add up, those that pass at once are taken
    -- together.
    local function reserve_many(state, many, cost, max_wait)
        local passed = 0
        if rule.adds_up and cost > 0 then
            passed = min(many, floor(rule:remaining(state, now) / cost))
            if passed > 0 then rule:decide(state, now, passed * cost) end
        end
        for i = passed + 1, many do
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

    -- The three numbers are named as those of 'b' and 'x'; the header tells what they are
    -- in other operations.
    return function(key, operation, found)
        local verb, cost, at, mark = match(operation, '^(%S+) ?(%d*) ?(%d*) ?(%d*)')
        cost, at, mark = tonumber(cost), tonumber(at), tonumber(mark)
        if match(verb, '^[bchrsx]$') then load_rest() end
        local many = tonumber(verb)
        local state = rule:read(key, now, found)
        local next, done, changed = #reply + 1, 1, true
        if not state and verb ~= 'r' then return emit_unreadable(next) end
        if verb == 'r' then
            holds.reset(key)
            changed = state and state.held
            if changed then rule:reset(state, now) else call('DEL', key) end
        elseif verb == 'c' then
            holds.credit(rule, key, state, cost)
        elseif verb == 'd' then
            rule:debit(state, now, cost)
        elseif verb == 'h' then
            return hold(key, state, cost, at, match(operation, '^h %d+ %d+ (.*)$'))
        elseif verb == 's' then
            local lapsed
            state, lapsed = holds.lapse(rule, key, state)
            if not state then return emit_unreadable(next) end
            done, changed = holds.settle(rule, key, state, operation)
            reply[next], reply[next + 1] = done, lapsed
        elseif verb == 'l' then
            local term, ends
            reply[next] = 0
            rule:emit(state, reply)
            done, term, ends = rule:refresh_lease(state, now, cost, at, mark)
            reply[#reply + 1], reply[#reply + 2] = term, ends
            changed = done > 0 or at > 0 or state.rewrite
        elseif verb == 'y' then
            changed = rule:return_lease(state, now, cost, at, mark) or state.rewrite
        elseif verb == 'b' or verb == 'x' then
            local charge = holds.read_charge(
                match(operation, '^%a %d+ (%d+) (%d+) (%d+) (%d+) (%d+)$'))
            done = (verb == 'x' or at > now) and holds.undo(rule, key, state, cost, charge) or 0
            changed = done > 0 or state.rewrite
        elseif verb == 'a' then
            many, cost, at = cost, at, mark
            local leased = state.held and 1 or 0
            reply[next] = 0
            done = reserve_many(state, many, cost, at)
            rule:emit(state, reply)
            local rest = #reply
            reply[rest + 1] = leased
            reply[rest + 2], reply[rest + 3], reply[rest + 4] = given_back(key)
            changed = cost > 0 and (done > 0 or state.rewrite)
        else
            reply[next] = 0
            if verb == 'u' then
                done = take_up_to(state, cost)
            else
                done = reserve_many(state, many, cost, at)
            end
            rule:emit(state, reply)
            changed = cost > 0 and (done > 0 or state.rewrite)
        end
        reply[next] = done
        if state and state.unreadable and verb ~= 'r' then return emit_unreadable(next) end
        if changed then rule:write(key, state, now) end
    end
end

-- Performs so many equal checks of a key, the most frequent operation. Several only where
-- costs add up: they are taken together, and after the first denial the rest would be
-- denied, too.
local function check(key, many, cost, found)
    local next, state = #reply + 1, rule:read(key, now, found)
    if not state then return emit_unreadable(next) end
    if many > 1 then many = min(many, floor(rule:remaining(state, now) / cost)) end
    local wait, queued = rule:decide(state, now, many * cost)
    if wait ~= nil and not queued then many = 0 end
    reply[next] = many
    rule:emit(state, reply)
    if state.unreadable then return emit_unreadable(next) end
    -- A state of another quota is written in terms of this one even for a denial.
    -- Otherwise it would refill at the rate of the other quota.
    if cost > 0 and (many > 0 or state.rewrite) then rule:write(key, state, now) end
end

local change
for i = 1, #KEYS do
    if not left or left[i] ~= nil then
        local operation, found = ARGV[3 + i - checks], left and left[i]
        local many, cost = 1, 1
        if i > checks then
            cost = tonumber(operation)
            if not cost and rule.adds_up then
                many, cost = match(operation, '^(%d+) ([1-9]%d*) 0')
                many, cost = tonumber(many), tonumber(cost)
            end
        end
        if left then reply[#reply + 1] = i end
        if cost then
            check(KEYS[i], many, cost, found)
        else
            change = change or make_change()
            change(KEYS[i], operation, found)
        end
    end
end

return reply
