-- The ledger of permits: each lease that was granted, renewed or given back. Only in
-- scripts of builds for tests. Before permits.lua.
--
-- KEYS    beside the key of permits the same with ':ledger' behind: a list of
--         '<now> <id> <count> <ends> <limit> <out>'

local function note(key, state, lease)
    local entry = format('%.0f %s %.0f %.0f %.0f %.0f',
        now, ARGV[2], lease.count, lease.ends, state.limit, state.out)
    call('RPUSH', key .. ':ledger', entry)
    call('PEXPIRE', key .. ':ledger', 600000)
end
