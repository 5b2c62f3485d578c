-- Adds up what the instances of a fleet have counted, in windows on the
-- server's clock. After prelude.lua.
--
-- KEYS[1]   the fleet: a sorted set of its instances, by the tick up to which
--           each counts as alive. All other keys begin with this one:
--   <fleet>:instance:<id>      a hash: `sequence`, the last flush that was
--                              counted, and `started`, `overflowed` and
--                              `flight` of that flush
--   <fleet>:<resolution>:<second>
--                              a window that began at that second, a hash:
--                              `begun`, its first tick; `<id>`, the text of a
--                              histogram; and `<id>:<bucket>`, the count of a
--                              bucket
-- ARGV[1]   see clock.lua
-- ARGV[2]   the task, and after it its arguments:
--   flush instance sequence life started overflowed flight [id text counts]...
--   leave instance
--   look
--
-- Life is in ticks. Counts are buckets and what to add to each, such as
-- '0 17 3 1 sum 52'. They are not converted to Lua numbers, which would round
-- large ones.
--
-- Returns the present tick, and for `flush` 'counted', 'duplicate', or
-- 'unreadable' if the stored sequence is not a number (nothing was counted
-- then); for `look` a list for each instance that is alive: its id, and
-- `started`, `overflowed` and `flight` as it reported them. Windows are read by
-- HGETALL.
--
-- Called by src/red/fleet/client.rs. The texts are those of
-- src/red/fleet/series_id.rs.

local SECOND = 1000000
local DAY = 86400 * SECOND

-- Twin of src/red/fleet/resolution.rs: the width of windows, and for how long
-- after their end they are kept, which is a minute longer than they are read.
local RESOLUTIONS = {
    { name = '10s', width = 10 * SECOND, kept = 21 * 60 * SECOND },
    { name = '10m', width = 600 * SECOND, kept = 3 * DAY + 60 * SECOND },
}

-- For how long the last sequence of an instance is remembered. A flush that is
-- sent again later would be counted again.
local REMEMBERED = 7 * DAY

-- The most instances that one flush removes after they are gone.
local SWEPT = 10

local fleet = KEYS[1]

local function record_of(instance) return fleet .. ':instance:' .. instance end

-- Returns the windows of this instant, and makes those that do not exist.
local function open_windows()
    local windows = {}
    for nth, resolution in ipairs(RESOLUTIONS) do
        local begun = now - now % resolution.width
        windows[nth] = format('%s:%s:%.0f', fleet, resolution.name, begun / SECOND)
        call('HSETNX', windows[nth], 'begun', format('%.0f', begun))
        call('PEXPIRE', windows[nth], expiry(begun + resolution.width + resolution.kept - now))
    end
    return windows
end

-- Adds to a bucket. A field that another program has written must neither keep
-- the others from being counted, nor make the flush fail again and again. So a
-- field that is not an integer, or would overflow, is left alone; any other error
-- fails the flush.
local function add(window, field, count)
    local sum = try('HINCRBY', window, field, count)
    if type(sum) ~= 'table' or match(sum.err, 'not an integer') then return end
    if not match(sum.err, 'overflow') then call('HINCRBY', window, field, count) end
end

local function count(windows, first)
    for nth = first, #ARGV, 3 do
        local id, text = ARGV[nth], ARGV[nth + 1]
        for _, window in ipairs(windows) do call('HSETNX', window, id, text) end
        for bucket, more in string.gmatch(ARGV[nth + 2], '(%w+) (%d+)') do
            local field = id .. ':' .. bucket
            for _, window in ipairs(windows) do add(window, field, more) end
        end
    end
end

local function leave(instance)
    call('ZREM', fleet, instance)
    call('HDEL', record_of(instance), 'started', 'overflowed', 'flight')
end

local function sweep()
    local gone = call('ZRANGEBYSCORE', fleet, '-inf', format('%.0f', now), 'LIMIT', 0, SWEPT)
    for _, instance in ipairs(gone) do leave(instance) end
end

local tasks = {}

-- A script that fails keeps the writes that it has made. So the writes that may be
-- refused come first and are harmless if repeated, then the counts, and last the
-- sequence that marks them as counted.
function tasks.flush()
    local instance, sequence, life = ARGV[3], ARGV[4], ARGV[5]
    local record = record_of(instance)
    call('ZADD', fleet, format('%.0f', now + tonumber(life)), instance)
    call('PEXPIRE', fleet, expiry(REMEMBERED))
    local stored = call('HGET', record, 'sequence')
    local last = stored and tonumber(match(stored, '^%d+$'))
    -- Taking it for the first flush could count a flush twice.
    if stored and not last then return { now, 'unreadable' } end
    if last and tonumber(sequence) <= last then
        call('PEXPIRE', record, expiry(REMEMBERED))
        return { now, 'duplicate' }
    end
    call('HSET', record, 'started', ARGV[6], 'overflowed', ARGV[7], 'flight', ARGV[8])
    call('PEXPIRE', record, expiry(REMEMBERED))
    sweep()
    count(open_windows(), 9)
    call('HSET', record, 'sequence', sequence)
    return { now, 'counted' }
end

function tasks.leave()
    leave(ARGV[3])
    return { now }
end

function tasks.look()
    local reply = { now }
    local alive = call('ZRANGEBYSCORE', fleet, format('(%.0f', now), '+inf')
    for _, instance in ipairs(alive) do
        local record = call('HMGET', record_of(instance), 'started', 'overflowed', 'flight')
        reply[#reply + 1] = { instance, record[1], record[2], record[3] }
    end
    return reply
end

return tasks[ARGV[2]]()
