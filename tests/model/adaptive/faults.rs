//! Faults that are planted into the script of adaptive limits: what each is, the text
//! that it replaces, by what, and which search meets it.

pub(super) type Fault = (&'static str, &'static str, &'static str, &'static str);

pub(super) const FAULTS: [Fault; 10] = [
    (
        "a bound is raised whatever others hold",
        "bound = min(bound, sum.max - (sum.held - own.held))",
        "",
        "losses",
    ),
    (
        "what an instance held before its reply came is free at once",
        "return bound, max(bound, held)",
        "return bound, bound",
        "losses",
    ),
    (
        "a new key has no instances that are yet to call",
        "if now < sum.opens then bound = min(bound, own.limit) end",
        "",
        "lost data",
    ),
    ("a key is never open", "now < sum.opens", "true", "crashes"),
    (
        "instances that have not called for a life still count",
        "member.ends > now and ",
        "",
        "crashes",
    ),
    (
        "only the caller counts",
        "members[#members + 1] = member",
        "",
        "losses",
    ),
    (
        "a call that was overtaken counts",
        "if known and number <= known.call then",
        "if false then",
        "late and repeated calls",
    ),
    (
        "what a bound was raised by is not added to the sums",
        "sum.held, own.held = sum.held - own.held + taken, taken",
        "own.held = taken",
        "old sums",
    ),
    (
        "an instance that leaves stays",
        "call('HDEL', key, id)",
        "",
        "crashes",
    ),
    (
        "after a step back a key is open at once",
        "opens = min(opens, now + LONGEST_LIFE)",
        "opens = min(opens, now)",
        "a far step back",
    ),
];
