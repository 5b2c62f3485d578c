-- Holds: charges that are settled when the real cost is known. On demand, after the
-- rules. The holder's side is src/limit/redis/hold/.
--
-- KEYS    beside the key of a bucket the same with 'h' behind: a sorted set of the
--         open holds, '<cost> <at> <mark> <refunds> <credits> <orphan> <id>', by the
--         instant at which each one's term ends. A hold whose holder has crashed lapses
--         then: its charge is kept if `orphan` is 'k', and given back if it is 'g'. And
--         'r' and 'c', whose scores are REFUNDS and what was given back to the bucket
--         since the set began, in any way, and by credits: `refunds` and `credits` are
--         these sums before the charge
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

-- Later than any term ends.
local REFUNDS = 4503599627370496

-- Returns what was given back to a bucket: all if `kind` is 'r', by credits if it is 'c'.
local function sum(key, kind)
    local score = call('ZSCORE', key .. 'h', kind)
    return score and tonumber(score) - REFUNDS or 0
end

local function add(key, kind, cost)
    call('ZADD', key .. 'h', 'NX', format('%.0f', REFUNDS), kind)
    call('ZINCRBY', key .. 'h', format('%.0f', cost), kind)
end

-- Counts what is given back to a bucket with holds. How much of a charge is still there
-- depends on it, as on time; only the mark of a bucket of gcra.lua tells neither.
function holds.count_refund(rule, key, cost)
    if not rule.mark or rule.queues or call('EXISTS', key .. 'h') == 0 then return end
    add(key, 'r', cost)
end

-- Counts a credit to a bucket with holds. It may have given back what they charged.
function holds.count_credit(rule, key, cost)
    holds.count_refund(rule, key, cost)
    if call('EXISTS', key .. 'h') == 1 then add(key, 'c', cost) end
end

-- Takes back a part of the charge of a hold, or of a booking that is yet to be due: as
-- much as no credit can have given back.
local function release(rule, key, state, cost, hold)
    local at, mark = hold.at, hold.mark
    cost = max(0, cost - (sum(key, 'c') - hold.credits))
    if cost == 0 then return 0 end
    if at > now then return rule:give_back(state, now, cost, at, mark) end
    if not rule.queues and rule.mark then
        mark = max(0, mark - (sum(key, 'r') - hold.refunds) * rule.token)
    end
    holds.count_refund(rule, key, cost)
    return rule:undo(state, now, cost, at, mark)
end

-- Adds to the ledger, which only tests have; see ledger.lua.
local function note(key, what, cost)
    if holds.note then holds.note(key, what, cost) end
end

local function read_hold(member)
    local cost, at, mark, refunds, credits, orphan =
        match(member, '^(%d+) (%d+) (%d+) (%d+) (%d+) (%a) ')
    return {
        cost = tonumber(cost), at = tonumber(at), mark = tonumber(mark),
        refunds = tonumber(refunds), credits = tonumber(credits), orphan = orphan,
    }
end

-- Gives all holds back: the bucket has nothing of their charges any more.
function holds.reset(key)
    local open = read_command('ZRANGEBYSCORE', key .. 'h', '-inf', format('(%.0f', REFUNDS))
    for _, member in ipairs(open or {}) do note(key, 'given back', read_hold(member).cost) end
    call('DEL', key .. 'h')
end

-- Ends the holds whose term is over. Returns the state, nil if it cannot be read, and
-- how many they were.
function holds.lapse(rule, key, state)
    local ended = read_command('ZRANGEBYSCORE', key .. 'h', '-inf', stamp)
    if not ended then return nil, 0 end
    for _, member in ipairs(ended) do
        local hold = read_hold(member)
        local back = hold.orphan == 'g' and release(rule, key, state, hold.cost, hold) or 0
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
-- mark, what was given back before, in any way and by credits, and 1 if it is kept, or 0.
-- The set outlives the term by the life of the bucket, which has nothing to get back when
-- that is over, and by GRACE, so that the next hold can count what has lapsed.
function holds.record(rule, key, state, cost, at, term, orphan, id)
    local set, mark = key .. 'h', rule.mark and rule:mark(state, at) or 0
    local refunds, credits = sum(key, 'r'), sum(key, 'c')
    note(key, 'charged', cost)
    if call('ZCOUNT', set, '-inf', format('(%.0f', REFUNDS)) >= MAX_HOLDS then
        note(key, 'untracked', cost)
        return mark, refunds, credits, 0
    end
    local ends = at + term
    local member = format('%.0f %.0f %.0f %.0f %.0f %s %s',
        cost, at, mark, refunds, credits, orphan, id)
    call('ZADD', set, format('%.0f', ends), member)
    local life = expiry(ends - now + GRACE) + max(0, call('PTTL', key))
    if life > call('PTTL', set) then call('PEXPIRE', set, format('%.0f', life)) end
    return mark, refunds, credits, 1
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
    local back = actual < cost and release(rule, key, state, cost - actual, hold) or 0
    return 1, over > 0 or back > 0
end
