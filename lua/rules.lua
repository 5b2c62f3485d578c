-- What the files of the rules fill, and batch.lua and all.lua use. After prelude.lua.

-- Replaces a bucket in a reply if its state cannot be read.
local UNREADABLE = -1

-- Rules by their letter in the names of keys: each makes a rule of its terms, which are
-- its params and that letter, with a space between two. The params are the numbers that
-- it has to know of its quota. Its functions:
--
--   read       returns the state that a key holds; nil for a value that this version
--              does not write: garbage, another type, a later layout. Such a value is
--              left alone. A log, which is read in pieces, sets `unreadable` when it
--              meets one; then nothing of it is written. If the caller has found the
--              value already, it is not read again
--   decide     returns nil if the cost passes, false if it never passes, or the ticks
--              until it passes; and true beside them if it was admitted and has to
--              wait for so long
--   credit and others change only what was read. `rewrite` is set in a state that has
--              to be written even for a denial, and `stepped` to the instant from which
--              the clock stepped back
--   remaining  returns the largest cost that passes at once. With `adds_up`, checks pass
--              as long as their costs are no more than that together
--   undo       takes back a charge, give_back a booking; each returns how much that was.
--              holds.undo calls them, which knows what else was given back meanwhile
--   emit       adds what was found to a reply
--   write      keeps the state
local rules = {}

-- The bases of rules, which the files of these names fill.
local gcra = { queues = false, adds_up = true }
local window = { queues = false, adds_up = true }

-- Adds to them the functions that most calls do not need, when the first of those is
-- used: to make a function takes the server a tenth of a microsecond. The files that
-- are inside of it: see lua_rule.rs.
local add_rest

-- Filled by hold.lua, which is one of those files.
local holds

local function load_rest()
    if not add_rest then return end
    local add = add_rest
    add_rest = nil
    add()
end

-- Returns the generation of a bucket, and what was given back to it since that began,
-- in any way and by credits: see hold.lua.
local function given_back(key)
    local found = try('GET', key .. 'g')
    if type(found) ~= 'string' then return 0, 0, 0 end
    local generation, refunds, credits = match(found, '^(%d+) (%d+) (%d+)$')
    return tonumber(generation) or 0, tonumber(refunds) or 0, tonumber(credits) or 0
end

local on_demand = {
    __index = function(methods, name)
        load_rest()
        return rawget(methods, name)
    end,
}
