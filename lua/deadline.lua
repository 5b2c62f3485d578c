-- Deadlines under ids, on the server's clock. After prelude.lua.
--
-- KEYS      records, each a hash: `at`, the tick when the deadline ends, and
--           `why`, the reason if it was cancelled. A chain of them leads from
--           the root of a tree down to the deadline in question
-- ARGV[1]   see prelude.lua
-- ARGV[2]   what is to be done, and what follows it:
--   register budget grace                  one key
--   derive   cap grace                     the parent's chain, and the child
--   cancel   grace reason channel message  one chain
--   look     n ...                         chains of so many keys
--
-- Budget, cap and grace are ticks; a record outlives its deadline by its grace.
--
-- Returns the present tick, and for each chain two values: 'left' and the ticks
-- that are left, 'expired' and 0, 'cancelled' and the reason, 'unknown' and 0, or
-- 'unreadable' and 0 where a record is of another type or its tick is none; such a
-- record is left as it is. To `cancel` it is what was so before; 'left' means that
-- it is cancelled now.
--
-- Mirrors src/deadline/registry/local.rs, which tests/redis/registry.rs compares
-- it with; called by src/deadline/registry/redis/store.rs.

-- A cancelled parent counts even where the child has no record. A child ends with
-- the first of its parents to end, which may have become earlier since, or have
-- been forgotten since.
local function stand(first, own)
    local ends, forgotten
    for nth = first, own do
        local found = look('HMGET', KEYS[nth], 'why', 'at')
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

local function record(key, left, grace)
    call('HSET', key, 'at', format('%.0f', now + left))
    call('PEXPIRE', key, expiry(left + grace))
end

local tasks = {}

-- What is there already only becomes earlier, and stays what it has become.
function tasks.register(budget, grace)
    local word, left = stand(1, 1)
    if word == 'unknown' or (word == 'left' and left > tonumber(budget)) then
        record(KEYS[1], tonumber(budget), tonumber(grace))
        word, left = stand(1, 1)
    end
    return { now, word, left }
end

function tasks.derive(cap, grace)
    local word, left = stand(1, #KEYS - 1)
    if word == 'left' then
        left = min(left, tonumber(cap))
        record(KEYS[#KEYS], left, tonumber(grace))
    end
    return { now, word, left }
end

-- Who holds what has no record is told, too: it may have been lost.
function tasks.cancel(grace, reason, channel, message)
    local word, left = stand(1, #KEYS)
    if word == 'left' then
        call('HSET', KEYS[#KEYS], 'why', reason)
        call('PEXPIRE', KEYS[#KEYS], expiry(left + tonumber(grace)))
    end
    if word == 'left' or word == 'unknown' then call('PUBLISH', channel, message) end
    return { now, word, left }
end

function tasks.look(...)
    local reply, first = { now }, 1
    for _, keys in ipairs({ ... }) do
        local word, left = stand(first, first + tonumber(keys) - 1)
        reply[#reply + 1], reply[#reply + 2] = word, left
        first = first + tonumber(keys)
    end
    return reply
end

return tasks[ARGV[2]](unpack(ARGV, 3))
