-- Works through entries, one after the other, all at one instant and under one
-- rule. Stands behind the rule in a script. Mirrors src/limit/rules/script/batch.rs.
--
-- KEYS     the key of each entry; may repeat
-- ARGV[1]  see prelude.lua
-- ARGV[2]  name of the rule
-- ARGV[3]  how many params it has; the params follow, and then the entries:
--   '<cost>'                 decides, as Rule::decide does
--   '<n> <cost> <patience>'  reserves n times with a patience in ticks, see rule.rs
--   'u <cost>'               takes up to so much
--   'c <cost>'               credits
--   'd <cost>'               debits
--   'r'                      resets
--   'b <cost> <at> <mark>'   gives back a booking that is due at a later instant
--   'x <cost> <at> <mark>'   undoes a charge of an earlier instant
--   'l <want> <spent> <term>'     leases up to so much; and so much was spent of
--                                 what was leased in that term
--   'y <unspent> <spent> <term>'  gives back what is left of leases
--
-- Returns whole numbers: the instant; for each decision how many were admitted,
-- or how much was taken, and the state as it was found before; 1 for a credit,
-- debit or reset; for a booking or a charge what was given back; for a lease what
-- is granted, the state as it was found before, its term, and when that ends. For
-- a bucket whose state cannot be read it is UNREADABLE instead of all that, and
-- the state stays as it is; only a reset removes it.

local params = {}
for i = 1, tonumber(ARGV[3]) do params[i] = tonumber(ARGV[3 + i]) end
local rule = rules[ARGV[2]](params)
local reply = { now }

-- Whether it passes within the caller's patience.
local function reserve(state, cost, patience)
    local wait, queued = rule:decide(state, now, cost)
    if wait == nil then return true end
    if queued then
        if wait > patience then rule:credit(state, now, cost) end
        return wait <= patience
    end
    -- A booking that falls due later than that could not be written down.
    if not wait or wait > min(patience, FURTHEST - now) or rule.queues then return false end
    if not rule.book then return rule:decide(state, now + wait, cost) == nil end
    rule:book(state, now, cost, wait)
    return true
end

-- After the first that is denied the rest would be, too.
local function reserve_many(state, many, cost, patience)
    for i = 1, many do
        if not reserve(state, cost, patience) then return i - 1 end
    end
    return many
end

-- How much is taken.
local function take_up_to(state, cost)
    local left = min(cost, rule:remaining(state, now))
    local wait, queued = rule:decide(state, now, max(left, min(cost, 1)))
    return (wait == nil or queued) and left or 0
end

-- Tells that the state cannot be read, in place of what was told from there on.
local function refuse(first)
    for place = #reply, first + 1, -1 do reply[place] = nil end
    reply[first] = UNREADABLE
end

-- Anything but a single check.
local function change(key, state, entry)
    local verb, cost, at, mark = match(entry, '^(%S+) ?(%d*) ?(%d*) ?(%d*)$')
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
    if state.unreadable and verb ~= 'r' then return refuse(next) end
    if changed then rule:write(key, state, now) end
end

local function check(key, state, cost)
    local next = #reply + 1
    local wait, queued = rule:decide(state, now, cost)
    local admitted = wait == nil or queued
    reply[next] = admitted and 1 or 0
    rule:emit(state, reply)
    if state.unreadable then return refuse(next) end
    -- What another quota has left behind is written anew even for a denial,
    -- or it would come back at the rate of that quota.
    if cost > 0 and (admitted or state.rewrite) then rule:write(key, state, now) end
end

local before = 3 + #params
for i = 1, #KEYS do
    local key, entry = KEYS[i], ARGV[before + i]
    local cost = tonumber(entry)
    local state = rule:read(key, now)
    if cost and state then
        check(key, state, cost)
    elseif state or entry == 'r' then
        change(key, state or {}, entry)
    else
        refuse(#reply + 1)
    end
end

return reply
