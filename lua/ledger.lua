-- The ledger of holds: sums of costs by what became of them. Only in scripts of builds
-- for tests. After hold.lua.
--
-- KEYS    beside the key of a bucket the same with 'l' behind: a hash of the sums
--         charged, settled, given back, lapsed, and untracked. What was charged is
--         the sum of the others and of the holds that are open.

function holds.note(key, what, cost)
    call('HINCRBY', key .. 'l', what, format('%.0f', cost))
end
