-- The adaptive limits of a fleet: each instance tells its own, and learns the medians of
-- all and how high its limit may be. After prelude.lua and records.lua.
--
-- KEYS[1]   a hash. Under the id of each instance '<ends> <call> <in_flight> <limit>
--           <took> <held> <want> <max>', and under 'sum' '<at> <instances> <in_flight>
--           <limit> <median_limit> <median_took> <held> <level> <surplus> <max> <opens>'
-- ARGV[1]   see clock.lua
-- ARGV[2]   the id of the instance
-- ARGV[3]   the number of the call
-- ARGV[4]   for how many ticks the instance counts; 0 if it ends
-- ARGV[5]   its requests in flight
-- ARGV[6]   its limit
-- ARGV[7]   how many ticks its requests take; 0 if it has not learned that yet
-- ARGV[8]   how high its limit may be until it has the reply; 0 if no reply told it
-- ARGV[9]   how high it wants that to be
-- ARGV[10]  the maximum of the fleet; 0 if it has none
-- ARGV[11]  how many ticks old the sums may be
--
-- Returns OK, STALE or UNREADABLE; the number of instances, their requests in flight and
-- the sum of their limits; the median of limits and of ticks, 0 if no instance has
-- learned one; how high the limit may be, 0 if there is no maximum.
--
-- The law: no call raises a bound above what the bounds of all others leave of the
-- maximum, except to 1. `held` is what an instance may be using, so the others get what
-- it has to give up once it says that it has. A key that is new may be that of a server
-- which lost its data. So until it `opens`, one life later, all instances have called
-- and none is allowed more than its limit.
--
-- src/concurrency/adaptive/fleet/ calls it.

local OK, STALE, UNREADABLE = 1, 0, -1
local SUM = 'sum'

-- No instance counts for more ticks than this, even if the clock steps back.
local LONGEST_LIFE = 300000000

local MEMBER = { 'ends', 'call', 'in_flight', 'limit', 'took', 'held', 'want', 'max' }
local SUMS = {
    'at', 'instances', 'in_flight', 'limit', 'median_limit', 'median_took', 'held', 'level',
    'surplus', 'max', 'opens',
}

local key, id, life, held = KEYS[1], ARGV[2], tonumber(ARGV[4]), tonumber(ARGV[8])

local function median(values)
    local count = #values
    if count == 0 then return 0 end
    table.sort(values)
    return floor((values[floor((count + 1) / 2)] + values[floor(count / 2) + 1]) / 2)
end

-- Shares the room so that an instance which wants less than others leaves them the rest.
-- Returns how much one gets at most, and how much each gets beyond what it wants.
local function share(wants, room)
    table.sort(wants)
    for nth, want in ipairs(wants) do
        local fair = floor(room / (#wants - nth + 1))
        if want > fair then return fair, 0 end
        room = room - want
    end
    return FURTHEST, floor(room / max(1, #wants))
end

-- Returns the instances that count, with the caller. Others are removed.
local function members_with(own)
    local found, members = call('HGETALL', key), { own }
    for nth = 1, #found, 2 do
        local name = found[nth]
        if name ~= SUM and name ~= id then
            local member = parse(found[nth + 1], MEMBER)
            if member and member.ends > now and member.ends <= now + LONGEST_LIFE then
                members[#members + 1] = member
            else
                call('HDEL', key, name)
            end
        end
    end
    return members
end

local function add_up(members, opens)
    local sum = {
        at = now, instances = #members, in_flight = 0, limit = 0, held = 0, max = 0,
        opens = min(opens, now + LONGEST_LIFE),
    }
    local limits, times, wants, unbounded = {}, {}, {}, 0
    for _, member in ipairs(members) do
        sum.in_flight, sum.limit = sum.in_flight + member.in_flight, sum.limit + member.limit
        sum.held = sum.held + member.held
        if member.took > 0 then
            limits[#limits + 1], times[#times + 1] = member.limit, member.took
        end
        if member.max > 0 then
            wants[#wants + 1] = member.want
            sum.max = sum.max > 0 and min(sum.max, member.max) or member.max
        else
            unbounded = unbounded + member.held
        end
    end
    sum.median_limit, sum.median_took = median(limits), median(times)
    sum.level, sum.surplus = share(wants, max(0, sum.max - unbounded))
    return sum
end

-- Returns how high the limit of the caller may be, and how much of the maximum it takes.
local function bound_of(own, sum)
    if own.max == 0 then return 0, own.limit end
    local bound = min(own.want, sum.level) + sum.surplus
    if bound > held then
        bound = min(bound, sum.max - (sum.held - own.held))
        if now < sum.opens then bound = min(bound, own.limit) end
        bound = max(held, bound)
    end
    bound = max(1, bound)
    return bound, max(bound, held)
end

local function leave(sum)
    call('HDEL', key, id)
    if sum then
        -- Added up anew by the next call.
        sum.at = 0
        call('HSET', key, SUM, write(SUMS, sum))
    end
    return { OK, 0, 0, 0, 0, 0, 0 }
end

local function tell(own, sum)
    local bound, taken = bound_of(own, sum)
    sum.held, own.held = sum.held - own.held + taken, taken
    call('HSET', key, SUM, write(SUMS, sum), id, write(MEMBER, own))
    call('PEXPIRE', key, expiry(LONGEST_LIFE))
    return {
        OK, sum.instances, sum.in_flight, sum.limit, sum.median_limit, sum.median_took, bound,
    }
end

local function sync()
    local found = read_command('HMGET', key, SUM, id)
    if not found then return { UNREADABLE, 0, 0, 0, 0, 0, 0 } end
    local sum = found[1] and parse(found[1], SUMS)
    local known = found[2] and parse(found[2], MEMBER)
    local number = tonumber(ARGV[3])
    if known and number <= known.call then return { STALE, 0, 0, 0, 0, 0, 0 } end
    if life == 0 then return leave(sum) end
    local own = {
        ends = now + life, call = number, in_flight = tonumber(ARGV[5]),
        limit = tonumber(ARGV[6]), took = tonumber(ARGV[7]), held = known and known.held or 0,
        want = tonumber(ARGV[9]), max = tonumber(ARGV[10]),
    }
    local age = sum and known and now - sum.at
    if not age or age < 0 or age >= tonumber(ARGV[11]) then
        sum = add_up(members_with(own), sum and sum.opens or now + life)
    end
    return tell(own, sum)
end

return sync()
