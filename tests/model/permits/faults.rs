//! Faults that are planted into `lua/permits.lua`, and the search that meets each.

/// What is wrong, the text that is there once, its replacement, and the search.
pub(crate) type Fault = (&'static str, &'static str, &'static str, &'static str);

pub(crate) const FAULTS: [Fault; 15] = [
    (
        "a lease ends early at the server",
        "if lease and lease.ends <= now then",
        "if lease and lease.ends <= now + 500000 then",
        "crashes",
    ),
    (
        "a lease has no owner",
        "local id, own_limit, length, known = ARGV[2],",
        "local id, own_limit, length, known = 'all',",
        "crashes",
    ),
    (
        "a renewal adds a lease that has lapsed",
        "count = max(count, kept)",
        "count = max(count, held)",
        "losses",
    ),
    (
        "a batch counts as one permit",
        "state.out, state.wanted = state.out - lease.count + count,",
        "state.out, state.wanted = state.out - lease.count + min(count, 1),",
        "crashes",
    ),
    (
        "what others have is granted again",
        "local count = min(want, max(0, state.limit - others))",
        "local count = min(want, state.limit)",
        "crashes",
    ),
    (
        "a late call counts",
        "if number > lease.call then",
        "if true then",
        "late and repeated calls",
    ),
    (
        "a repeated call makes a lease longer",
        "if number > lease.call then",
        "if number >= lease.call then",
        "late and repeated calls",
    ),
    (
        "a lower limit takes what is in use",
        "count = max(count, kept)",
        "",
        "another limit",
    ),
    (
        "each instance goes by its own limit",
        "if own_limit <= state.limit or now >= state.agreed then",
        "if true then",
        "another limit",
    ),
    (
        "leases that have not ended are not added up",
        "state.out, state.wanted = state.out + lease.count, state.wanted + lease.want",
        "state.wanted = state.wanted + lease.want",
        "crashes",
    ),
    (
        "leases never end",
        "if now >= state.next or now < state.at then",
        "if now < state.at then",
        "crashes",
    ),
    (
        "a lease that began before a step back lasts longer",
        "if lease.ends > now + lease.length then",
        "if false then",
        "a step back",
    ),
    (
        "the key expires before the leases",
        "expiry(max(state.last, state.agreed, state.opens) - now)",
        "expiry(1)",
        "crashes",
    ),
    (
        "a lease that is given back stays",
        "call('HDEL', key, id)",
        "",
        "crashes",
    ),
    (
        "a lease is written without its end",
        "lease.ends, lease.length = now + length, length",
        "lease.length = length",
        "crashes",
    ),
];
