-- Deadlines under ids, by the server's clock. Runs after prelude.lua.
--
-- KEYS      records, each a hash: `at`, the tick when the deadline ends, and
--           `why`, the reason if it was cancelled. A chain of them leads from
--           the root of a tree down to one deadline
-- ARGV[1]   see clock.lua
-- ARGV[2]   the task, followed by its arguments:
--   register budget grace                   one key
--   derive   cap grace                      the parent's chain, then the child
--   cancel   grace reason channel message   one chain
--   remaining n ...                         chains of this many keys
--
-- Budget, cap and grace are in ticks. A record outlives its deadline by its
-- grace.
--
-- Returns the present tick, and for each chain two values: 'left' and the ticks
-- that are left, 'expired' and 0, 'cancelled' and the reason, 'unknown' and 0,
-- or 'unreadable' and 0 if a record has another type or its tick is not a
-- number. Such a record is left unchanged. `cancel` returns the state before:
-- 'left' means that the deadline is cancelled now.
--
-- Its twin is src/deadline/registry/local.rs; tests/redis/registry.rs compares
-- them. src/deadline/registry/redis/script.rs calls it.

-- Returns the state of the deadline KEYS[own], whose root is KEYS[first]. A
-- cancelled parent counts even if the child has no record. A child ends with the
-- first of its parents, because that may have become earlier, or have been
-- forgotten, after the child was derived.
local function remaining(first, own)
    local ends, forgotten
    for nth = first, own do
        local found = read_command('HMGET', KEYS[nth], 'why', 'at')
        if not found then return 'unreadable', 0 end
        if found[1] then return 'cancelled', found[1] end
        local at = found[2] and tonumber(match(found[2], '^%d+$'))
        if found[2] and not at then return 'unreadable', 0 end
        if at then ends = min(ends or at, at) else forgotten = nth end
    end
    if not ends or forgotten == own then return 'unknown', 0 end
    if forgotten or ends <= now then return 'expired', 0 end
    return 'left', ends - now
end

-- Writes a record that ends after `left` ticks.
local function record(key, left, grace)
    call('HSET', key, 'at', format('%.0f', now + left))
    call('PEXPIRE', key, expiry(left + grace))
end

local tasks = {}

-- A deadline that exists only becomes earlier, and one that has ended stays as
-- it is.
function tasks.register(budget, grace)
    local state, left = remaining(1, 1)
    if state == 'unknown' or (state == 'left' and left > tonumber(budget)) then
        record(KEYS[1], tonumber(budget), tonumber(grace))
        state, left = remaining(1, 1)
    end
    return { now, state, left }
end

-- A child never ends after its parent.
function tasks.derive(cap, grace)
    local state, left = remaining(1, #KEYS - 1)
    if state == 'left' then
        left = min(left, tonumber(cap))
        record(KEYS[#KEYS], left, tonumber(grace))
    end
    return { now, state, left }
end

-- Holders of a deadline without a record are told, too: it may have been lost.
function tasks.cancel(grace, reason, channel, message)
    local state, left = remaining(1, #KEYS)
    if state == 'left' then
        call('HSET', KEYS[#KEYS], 'why', reason)
        call('PEXPIRE', KEYS[#KEYS], expiry(left + tonumber(grace)))
    end
    if state == 'left' or state == 'unknown' then call('PUBLISH', channel, message) end
    return { now, state, left }
end

-- Changes nothing.
function tasks.remaining(...)
    local reply, first = { now }, 1
    for _, keys in ipairs({ ... }) do
        local state, left = remaining(first, first + tonumber(keys) - 1)
        reply[#reply + 1], reply[#reply + 2] = state, left
        first = first + tonumber(keys)
    end
    return reply
end

return tasks[ARGV[2]](unpack(ARGV, 3))
