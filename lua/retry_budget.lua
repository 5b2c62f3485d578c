-- The budget of retries that a fleet shares, by the server's clock. Runs after
-- prelude.lua.
--
-- KEYS[1]   a hash: `balance`, in hundredths of a retry, and for each slot of
--           time q<number>, its requests, and r<number>, its retries
-- ARGV[1]   see clock.lua
-- ARGV[2]   how many retries there may be for 100 requests
-- ARGV[3]   how many there may be in a window whatever the requests
-- ARGV[4]   how many may be saved up
-- ARGV[5]   the length of a slot in ticks; a window has 20
-- ARGV[6..] requests that the caller has counted since its last call: for each
--           slot its age in slots, and the number
--
-- Returns a list: 1 if one retry is admitted, which then counts, 0 if not, and -1 if the
-- state cannot be read, which is then left alone.
--
-- Its twin is src/client/retry/budget/window.rs; tests/redis/retries.rs
-- compares them. src/client/retry/budget/fleet.rs calls it.

local SLOTS, RETRY_COST = 20, 100
local percent, minimum, reserve = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local length = tonumber(ARGV[5])
local number = floor(now / length)

local balance, requests, retries, old = 0, {}, {}, {}

-- Whether a slot is out of reach: too old to count, or so far ahead that the clock
-- stepped back by more than a window, or that a process has slots of another length.
local function is_foreign(slot)
    return number - slot > SLOTS or slot - number > SLOTS
end

-- Reads all counts. Returns false if one of them was not written by this script.
local function read()
    local found = read_command('HGETALL', KEYS[1])
    if not found then return false end
    for nth = 1, #found, 2 do
        local kind, slot = match(found[nth], '^([qr])(%d+)$')
        local count = tonumber(match(found[nth + 1], '^%d+$'))
        if not count then return false end
        if found[nth] == 'balance' then
            balance = count
        elseif not kind then
            return false
        elseif is_foreign(tonumber(slot)) then
            old[#old + 1] = found[nth]
        else
            local counts = kind == 'q' and requests or retries
            counts[tonumber(slot)] = count
        end
    end
    return true
end

local function put(units)
    balance = min(balance + units, max(reserve, minimum) * RETRY_COST)
end

-- Adds up the newest slots. One from the near future, after the clock stepped
-- back, counts too.
local function sum(counts, slots)
    local total = 0
    for slot, count in pairs(counts) do
        if number < slot + slots then total = total + count end
    end
    return total
end

local function write(field, value)
    call('HSET', KEYS[1], field, format('%.0f', value))
end

local function add_requests()
    for nth = 6, #ARGV, 2 do
        local slot, count = number - tonumber(ARGV[nth]), tonumber(ARGV[nth + 1])
        requests[slot] = (requests[slot] or 0) + count
        put(count * percent)
        write('q' .. format('%.0f', slot), requests[slot])
    end
end

local function has_room()
    local wanted = sum(retries, SLOTS + 1) + 1
    return wanted * RETRY_COST <= sum(requests, SLOTS) * percent
end

if not read() then return { -1 } end
add_requests()
local is_minimum = sum(retries, SLOTS + 1) < minimum
local is_admitted = is_minimum or (balance >= RETRY_COST and has_room())
if is_admitted then
    balance = balance - min(balance, RETRY_COST)
    retries[number] = (retries[number] or 0) + 1
    write('r' .. format('%.0f', number), retries[number])
end
write('balance', balance)
if #old > 0 then call('HDEL', KEYS[1], unpack(old)) end
call('PEXPIRE', KEYS[1], expiry((SLOTS + 1) * length))
return { is_admitted and 1 or 0 }
