-- Permits of a fleet: how many requests may run at a time, leased to instances by the
-- server's clock. After prelude.lua and records.lua.
--
-- KEYS      hashes, one for each limit. Under the id of each instance that has permits
--           or wants some '<count> <ends> <length> <call> <want> <since>', and under
--           'sum' '<out> <wanted> <claimants> <next> <last> <at> <limit> <agreed>
--           <opens>'
-- ARGV[1]   see clock.lua
-- ARGV[2]   the id of the instance
-- ARGV[3]   its limit
-- ARGV[4]   the length of its leases in ticks
-- ARGV[5]   the run_id of the server as the instance knows it, or ''
-- ARGV[6..] for each key: the number of the call, how many permits the instance may
--           use until it has the reply, and how many it wants
--
-- Returns for each key six numbers: OK, STALE or UNREADABLE; how many permits the
-- instance has until a length from now; how many it should get down to, because others
-- lack some or the limit is lower; the limit; how many are out; and the ticks until more
-- can be had after a restart of the server.
--
-- A call says how many permits an instance wants, not how many more. So it may be lost
-- or arrive twice, and one that was overtaken by a later one is stale.
--
-- The law: no call makes more permits be out than the limit. Those that are out stay
-- out if the limit becomes lower, until they are given back or their leases end.
--
-- Its twin is tests/redis/permits/twin.rs. src/concurrency/redis/ calls it.

local OK, STALE, UNREADABLE = 1, 0, -1
local SUM = 'sum'

-- For how many lengths an instance may keep permits while there are more claimants
-- than permits.
local TURN = 4

local id, own_limit, length, known = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]

local LEASE = { 'count', 'ends', 'length', 'call', 'want', 'since' }
local SUMS = { 'out', 'wanted', 'claimants', 'next', 'last', 'at', 'limit', 'agreed', 'opens' }

-- The tick until which no permits are leased but those that instances already hold. A
-- server that was started again without its data does not know of leases that have not
-- ended. LASTSAVE is cheap, and never before the start.
local function opening()
    local saved = known ~= '' and try('LASTSAVE')
    if type(saved) ~= 'number' or now - saved * 1000000 > length + 2000000 then return 0 end
    local info = try('INFO', 'server')
    if type(info) ~= 'string' or match(info, 'run_id:(%w+)') == known then return 0 end
    local uptime = tonumber(match(info, 'uptime_in_seconds:(%d+)'))
    -- Both instants that it is the difference of are rounded down to seconds.
    return uptime and now - (uptime - 1) * 1000000 + length or 0
end

-- Ends the leases whose end has come, and adds up the others. After a step back of the
-- clock each ends within its length. Returns false if one cannot be read.
local function sweep(key, state)
    local found, kept, ended = call('HGETALL', key), {}, {}
    state.out, state.wanted, state.claimants = 0, 0, 0
    state.next, state.last = FURTHEST, now
    for nth = 1, #found, 2 do
        local name = found[nth]
        local lease = name ~= SUM and parse(found[nth + 1], LEASE)
        if lease == nil then return false end
        if lease and lease.ends <= now then
            ended[#ended + 1] = name
        elseif lease then
            if lease.ends > now + lease.length then
                lease.ends = now + lease.length
                kept[name] = write(LEASE, lease)
            end
            state.out, state.wanted = state.out + lease.count, state.wanted + lease.want
            state.claimants = state.claimants + 1
            state.next, state.last = min(state.next, lease.ends), max(state.last, lease.ends)
        end
    end
    for name, text in pairs(kept) do call('HSET', key, name, text) end
    for _, name in ipairs(ended) do call('HDEL', key, name) end
    return true
end

local function new_state()
    return {
        out = 0, wanted = 0, claimants = 0, next = FURTHEST, last = now, at = now,
        limit = own_limit, agreed = now, opens = opening(),
    }
end

-- Returns the sums and the lease of the caller, or nil if they cannot be read.
local function read(key)
    local found = read_command('HMGET', key, SUM, id)
    if not found then return nil end
    local state = found[1] and parse(found[1], SUMS)
    if not found[1] then
        if call('EXISTS', key) == 1 then return nil end
        state = new_state()
    end
    if not state then return nil end
    if now >= state.next or now < state.at then
        if now < state.at then state.agreed = min(state.agreed, now + length) end
        if not sweep(key, state) then return nil end
        state.at = now
        if found[1] then call('HSET', key, SUM, write(SUMS, state)) end
        found[2] = call('HGET', key, id)
    end
    local lease = { count = 0, ends = 0, length = 0, call = 0, want = 0, since = now }
    if found[2] then lease = parse(found[2], LEASE) end
    return lease and state, lease
end

-- While instances have different limits, the smallest is in force: from a call of one
-- that has it, for a length.
local function agree(state)
    if own_limit <= state.limit or now >= state.agreed then
        state.limit, state.agreed = own_limit, now + length
    end
end

-- Returns how many permits the caller gets, and how many it should get down to.
local function share(state, lease, held, want)
    local others = state.out - lease.count
    local lacking = state.wanted - lease.want - others
    local claimants = state.claimants + (lease.want > 0 and 0 or 1)
    local fair, kept = ceil(state.limit / claimants), min(lease.count, held)
    local count = min(want, max(0, state.limit - others))
    if now < state.opens then count = min(count, max(held, lease.count)) end
    -- Nobody gets more than its share while others lack permits.
    if lacking > 0 then count = min(count, max(fair, kept)) end
    -- What may be in use stays leased.
    count = max(count, kept)
    local target, out = count, others + count
    if lacking > 0 then
        local due = claimants > state.limit and now - lease.since >= TURN * length
        target = max(due and 0 or min(fair, count), count - lacking)
    end
    if out > state.limit then target = min(target, floor(count * state.limit / out)) end
    return count, target
end

local function save(key, state, lease, count, want, number)
    local claims = want > 0 and 1 or 0
    state.claimants = state.claimants - (lease.want > 0 and 1 or 0) + claims
    state.out, state.wanted = state.out - lease.count + count, state.wanted - lease.want + want
    if count == 0 or lease.count == 0 then lease.since = now end
    lease.count, lease.want, lease.call = count, want, number
    lease.ends, lease.length = now + length, length
    state.at = now
    if claims == 1 then
        state.next, state.last = min(state.next, lease.ends), max(state.last, lease.ends)
        call('HSET', key, SUM, write(SUMS, state), id, write(LEASE, lease))
    else
        call('HSET', key, SUM, write(SUMS, state))
        call('HDEL', key, id)
    end
    call('PEXPIRE', key, expiry(max(state.last, state.agreed, state.opens) - now))
    -- Only builds for tests have a ledger.
    if note then note(key, state, lease) end
end

local function sync(key, number, held, want)
    local state, lease = read(key)
    if not state then return UNREADABLE, 0, 0, 0, 0, 0 end
    local status, target = STALE, lease.count
    if number > lease.call then
        status, want = OK, max(want, held)
        agree(state)
        local count
        count, target = share(state, lease, held, want)
        save(key, state, lease, count, want, number)
    end
    return status, lease.count, target, state.limit, state.out, max(0, state.opens - now)
end

local reply = {}
for nth, key in ipairs(KEYS) do
    local at = 3 + nth * 3
    local found = { sync(key, tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])) }
    for _, number in ipairs(found) do reply[#reply + 1] = number end
end
return reply
