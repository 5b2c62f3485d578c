-- Holds: charges that are settled when the real cost is known. On demand, after the
-- rules. The holder's side is src/limit/redis/hold/.
--
-- KEYS    beside the key of a bucket the same with 'h' behind: a sorted set of the
--         open holds, '<cost> <at> <mark> <generation> <refunds> <credits> <orphan> <id>',
--         by the instant at which each one's term ends. A hold whose holder has crashed
--         lapses then: its charge is kept if `orphan` is 'k', and given back if it is 'g'.
--         The three numbers in the middle are those of 'g' before the charge.
--         And the same with 'g' behind: '<generation> <refunds> <credits>', the sums of
--         what was given back to the bucket, in any way, and by credits. A generation
--         begins with the first, with a reset, and when the clock stepped back
--
-- A hold is ended once: by the settlement that removes it from the set, by the first
-- operation of a hold on its bucket after its term, or by a reset of the bucket, which
-- gives all of them back.

holds = {}

-- The largest number of open holds of a bucket. More are charged without being kept
-- here, so that they are settled by their holder or not at all.
local MAX_HOLDS = 64

-- In ticks: ten minutes.
local GRACE = 600000000

-- The largest cost: more than any credit gives back of a charge.
local MAX_COST = 4503599627370496

-- Keeps these sums for as long as a charge of before has something to get back: for the
-- life that the bucket was last written with.
local function keep(key, generation, refunds, credits)
    local life = call('PTTL', key)
    if life < 0 then return end
    life = max(life + 1, call('PTTL', key .. 'g'))
    local sums = format('%.0f %.0f %.0f', generation, refunds, credits)
    call('SET', key .. 'g', sums, 'PX', format('%.0f', life))
end

-- Begins a generation, in which nothing of what was charged for instants up to `last`
-- can be taken back. Before the bucket is written, as for all that counts here.
local function begin(key, last)
    local generation = given_back(key)
    keep(key, max(generation, last) + 1, 0, MAX_COST)
end

-- Whether what is given back changes how much of another charge is still there, as time
-- does. Only the mark of a bucket of gcra.lua tells neither.
local function has_mark(rule)
    return rule.mark and not rule.queues
end

-- Counts what a change gives back, of which so much is a credit: that may have given
-- back any charge. Refunds are in units, wrap around, and are 0 where no mark needs them.
local function count(rule, key, state, credits, change)
    local before = has_mark(rule) and rule:distance(state, now)
    local done = change()
    local refunds = before and before - rule:distance(state, now) or 0
    if refunds <= 0 and credits == 0 then return done end
    local generation, refunded, credited = given_back(key)
    if generation == 0 then generation = now end
    refunded, credited = (refunded - FURTHEST - 1) + refunds, credited + credits
    if refunded < 0 then refunded = refunded + FURTHEST + 1 end
    if credited > FURTHEST then begin(key, now) else keep(key, generation, refunded, credited) end
    return done
end

function holds.credit(rule, key, state, cost)
    count(rule, key, state, cost, function() rule:credit(state, now, cost) end)
end

-- Nothing of the charges can be taken back any more, because the clock stepped back from
-- `last` or later: how much time has passed since them is unknown. Before the bucket is
-- written, and so for the last time. A step back while the bucket is whole leaves no
-- trace, so a charge of before can give back its cost once more.
function holds.step_back(key, last)
    begin(key, last)
end

-- Takes back so much of a charge, or of a booking that is yet to be due: as much as no
-- credit can have given back.
function holds.undo(rule, key, state, cost, charge)
    local at, mark = charge.at, charge.mark
    local generation, refunds, credits = given_back(key)
    if generation == charge.generation then
        refunds, credits = refunds - charge.refunds, credits - charge.credits
        if refunds < 0 then refunds = refunds + FURTHEST + 1 end
    end
    cost = max(0, cost - credits)
    if cost == 0 or state.stepped then return 0 end
    return count(rule, key, state, 0, function()
        if at > now then return rule:give_back(state, now, cost, at, mark) end
        return rule:undo(state, now, cost, at, has_mark(rule) and max(0, mark - refunds) or mark)
    end)
end

-- Reads a charge: when it is due, its mark, and what was given back before.
function holds.read_charge(at, mark, generation, refunds, credits)
    return {
        at = tonumber(at), mark = tonumber(mark), generation = tonumber(generation),
        refunds = tonumber(refunds), credits = tonumber(credits),
    }
end

-- Adds to the ledger, which only tests have; see ledger.lua.
local function note(key, what, cost)
    if holds.note then holds.note(key, what, cost) end
end

local function read_hold(member)
    local cost, charge, orphan = match(member, '^(%d+) (%d+ %d+ %d+ %d+ %d+) (%a) ')
    local hold = holds.read_charge(match(charge, '(%d+) (%d+) (%d+) (%d+) (%d+)'))
    hold.cost, hold.orphan = tonumber(cost), orphan
    return hold
end

-- Gives all holds back: the bucket has nothing of any charge any more.
function holds.reset(key)
    local open = holds.note and read_command('ZRANGE', key .. 'h', '0', '-1')
    for _, member in ipairs(open or {}) do note(key, 'given back', read_hold(member).cost) end
    call('DEL', key .. 'h')
    begin(key, now)
end

-- Ends the holds whose term is over. Returns the state, nil if it cannot be read, and
-- how many they were.
function holds.lapse(rule, key, state)
    local ended = read_command('ZRANGEBYSCORE', key .. 'h', '-inf', stamp)
    if not ended then return nil, 0 end
    for _, member in ipairs(ended) do
        local hold = read_hold(member)
        local back = hold.orphan == 'g' and holds.undo(rule, key, state, hold.cost, hold) or 0
        -- Written at once, because a log takes out one charge at a time.
        if back > 0 and not state.unreadable then
            rule:write(key, state, now)
            state = rule:read(key, now)
        end
        note(key, 'lapsed', hold.cost)
    end
    if #ended > 0 then call('ZREMRANGEBYSCORE', key .. 'h', '-inf', stamp) end
    return state, #ended
end

-- Keeps a charge that was made for `at`, for so many ticks from then on. Returns its
-- mark, what `given_back` returns of before, and 1 if it is kept, or 0.
-- The set outlives the term by the life of the bucket, which has nothing to get back when
-- that is over, and by GRACE, so that the next hold can count what has lapsed.
function holds.record(rule, key, state, cost, at, term, orphan, id)
    local set, mark = key .. 'h', rule.mark and rule:mark(state, at) or 0
    local generation, refunds, credits = given_back(key)
    note(key, 'charged', cost)
    if call('ZCARD', set) >= MAX_HOLDS then
        note(key, 'untracked', cost)
        return mark, generation, refunds, credits, 0
    end
    local ends = at + term
    local member = format('%.0f %.0f %.0f %.0f %.0f %.0f %s %s',
        cost, at, mark, generation, refunds, credits, orphan, id)
    call('ZADD', set, format('%.0f', ends), member)
    local life = expiry(ends - now + GRACE) + max(0, call('PTTL', key))
    if life > call('PTTL', set) then call('PEXPIRE', set, format('%.0f', life)) end
    return mark, generation, refunds, credits, 1
end

-- Puts the real cost in place of a charge. Returns 1 if the hold was open, or 0 if it had
-- lapsed, and whether the state has changed.
function holds.settle(rule, key, state, operation)
    local member, actual = match(operation, '^s (.*) (%d+)$')
    local hold, open = read_hold(member), call('ZREM', key .. 'h', member)
    local cost = hold.cost
    actual = tonumber(actual)
    -- A hold that lapsed by giving back is not charged any more.
    local charged = (open == 1 or hold.orphan == 'k') and cost or 0
    local over = max(0, actual - charged)
    if over > 0 then rule:debit(state, now, over) end
    note(key, 'charged', over)
    note(key, 'settled', over)
    if open == 0 then return 0, over > 0 end
    note(key, 'settled', min(actual, cost))
    note(key, 'given back', max(0, cost - actual))
    local back = actual < cost and holds.undo(rule, key, state, cost - actual, hold) or 0
    return 1, over > 0 or back > 0
end
