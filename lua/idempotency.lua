-- States of idempotent work, on the server's clock. After prelude.lua.
--
-- KEYS[1]   a state: one string, so that it is written and expires as a whole:
--             1   '1', the version of this layout
--             1   'L' leased, 'R' leased and begun before, or 'C' completed
--             1   'w' if a caller waits for the end of the work, or '-'
--            32   the fingerprint
--            16   the token
--            16   digits: the tick at which the lease lapses or the record expires
--           rest   leased: 16 digits, how many ticks it is kept after that, and after
--                 an 'R' more digits, how often the work was begun;
--                 completed: the record
-- ARGV[1]   see clock.lua
-- ARGV[2]   the task, and its arguments:
--   claim     fingerprint token takeover lease keep most
--   fetch     fingerprint token
--   renew     token lease
--   complete  token channel message keep record
--   restore   token channel message keep record fingerprint
--   release   token channel message
--   wait
--
-- Lease and keep are ticks. Fingerprint, token, message and record are bytes. Takeover
-- is 'rerun' or 'refuse'. A record of more than `most` bytes does not come with the
-- reply to its claim; without `most`, every record does.
--
-- Returns a word and a value:
--   claim     'run' and how often the work was begun, 'replay' and the record, 'large'
--             and the size and the token of a record that has to be fetched,
--             'mismatch' and 0, 'running' and the ticks that are left, or 'unknown' and 0
--   fetch     'replay' and the record, or 'gone' and 0 if this token's record expired
--   renew, complete, restore, release   'held' or 'lost', and 0
--   wait      'running' and the ticks that are left, or 'settled' and 0
--   any       'foreign' and 0 if the key has another layout or type; it stays as it is
--
-- A server's clock that is set ahead by more than the rest of lease and keep removes a
-- state, and the next claim runs the work again. The server removes the key by that
-- clock, so no script can prevent it. A step back keeps a state longer.
--
-- The same rule as src/idempotency/state.rs, with the same names in the same order;
-- tests/redis/idempotency/parity.rs compares the two. Rust's `until` is `ends` here,
-- because `until` is a keyword. Called by src/idempotency/redis/client.rs.

local sub = string.sub

local VERSION = '1'

-- Returns nil for a value that this version does not write.
local function read(bytes)
    local stage = match(bytes, '^' .. VERSION .. '([LRC])[-w]')
    local ends = match(sub(bytes, 52, 67), '^%d+$')
    local is_whole = #bytes >= 67 and (stage == 'C' or match(sub(bytes, 68), '^%d+$'))
    if not (stage and ends and is_whole) then return nil end
    local state = {
        awaited = sub(bytes, 3, 3) == 'w',
        fingerprint = sub(bytes, 4, 35),
        token = sub(bytes, 36, 51),
        ends = tonumber(ends),
    }
    if stage == 'C' then
        state.record = sub(bytes, 68)
    else
        state.keep = tonumber(sub(bytes, 68, 83))
        -- An 'R' without a number is from a version that did not count attempts.
        state.attempt = stage == 'R' and (tonumber(sub(bytes, 84)) or 2) or 1
    end
    return state
end

local function expires(state)
    return state.record and state.ends or state.ends + state.keep
end

local function write(state)
    local stage = state.record and 'C' or state.attempt > 1 and 'R' or 'L'
    local head = VERSION .. stage .. (state.awaited and 'w' or '-')
    local names = state.fingerprint .. state.token .. format('%016.0f', state.ends)
    local rest = state.record or format('%016.0f', state.keep)
    if stage == 'R' then rest = rest .. format('%.0f', state.attempt) end
    set_state(KEYS[1], head .. names .. rest, expires(state) - now)
end

local function is_running(state)
    return state and not state.record and now < state.ends
end

local function is_leased_by(state, token)
    return state and not state.record and state.token == token
end

-- May fail, for example without the right to PUBLISH: waiting callers also ask again.
local function notify(state, channel, message)
    if state.awaited then try('PUBLISH', channel, message) end
end

local function answer(state, fingerprint, token, takeover)
    if state.fingerprint ~= fingerprint then return 'mismatch', 0 end
    if state.record then return 'replay', state.record end
    -- The reply to the first claim with this token was lost.
    if state.token == token then return 'run', state.attempt end
    if now < state.ends then return 'running', state.ends - now end
    if takeover == 'rerun' then return 'run', state.attempt + 1 end
    return 'unknown', 0
end

local tasks = {}

function tasks.claim(state, fingerprint, token, takeover, lease, keep, most)
    local word, value = 'run', 1
    if state then word, value = answer(state, fingerprint, token, takeover) end
    if word == 'run' then
        write({
            attempt = value,
            awaited = state and state.awaited,
            fingerprint = fingerprint,
            token = token,
            ends = now + tonumber(lease),
            keep = tonumber(keep),
        })
    end
    if word == 'replay' and most and #value > tonumber(most) then
        return { 'large', { #value, state.token } }
    end
    return { word, value }
end

function tasks.renew(state, token, lease)
    if not is_leased_by(state, token) then return { 'lost', 0 } end
    state.ends = now + tonumber(lease)
    write(state)
    return { 'held', 0 }
end

-- Repeated by the same token, it changes nothing.
function tasks.complete(state, token, channel, message, keep, record)
    if not state or state.token ~= token then return { 'lost', 0 } end
    if is_leased_by(state, token) then
        state.ends, state.record = now + tonumber(keep), record
        write(state)
        notify(state, channel, message)
    end
    return { 'held', 0 }
end

-- Also stores the record if the server has lost the state.
function tasks.restore(state, token, channel, message, keep, record, fingerprint)
    if state then return tasks.complete(state, token, channel, message, keep, record) end
    write({
        fingerprint = fingerprint,
        token = token,
        ends = now + tonumber(keep),
        record = record,
    })
    return { 'held', 0 }
end

function tasks.release(state, token, channel, message)
    if not is_leased_by(state, token) then return { 'lost', 0 } end
    if state.attempt > 1 then
        state.ends = now
        write(state)
    else
        call('DEL', KEYS[1])
    end
    notify(state, channel, message)
    return { 'held', 0 }
end

-- A token completes one record only, so all fetches by one token are the same.
function tasks.fetch(state, fingerprint, token)
    local is_there = state and state.record and state.fingerprint == fingerprint
    if not is_there or state.token ~= token then return { 'gone', 0 } end
    return { 'replay', state.record }
end

-- Marks the state as awaited.
function tasks.wait(state)
    if not is_running(state) then return { 'settled', 0 } end
    if not state.awaited then
        state.awaited = true
        write(state)
    end
    return { 'running', state.ends - now }
end

local bytes = read_command('GET', KEYS[1])
local state = bytes and read(bytes)
if bytes ~= false and not state then return { 'foreign', 0 } end
if state and expires(state) <= now then state = nil end
return tasks[ARGV[2]](state, unpack(ARGV, 3))
