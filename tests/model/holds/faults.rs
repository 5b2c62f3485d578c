//! Faults that are planted into the script of holds.

use crate::faults::Fault;

pub(crate) const FAULTS: [Fault; 14] = [
    of(
        "what a credit gave back comes back again",
        "cost = max(0, cost - (sum(key, 'c') - hold.credits))",
        "",
        "fixed: credits",
    ),
    of(
        "what others gave back is not counted",
        "    add(key, 'r', cost)\nend",
        "end",
        "bucket: crashes",
    ),
    of(
        "a hold is settled as often as its settlement comes",
        "call('ZREM', key .. 'h', member)",
        "1",
        "fixed: late messages",
    ),
    of(
        "orphans that are kept are given back",
        "hold.orphan == 'g' and release",
        "release",
        "fixed: kept orphans",
    ),
    of(
        "what has lapsed stays",
        "call('ZREMRANGEBYSCORE', key .. 'h', '-inf', stamp)",
        "",
        "fixed: crashes",
    ),
    of(
        "a hold has no term",
        "local ends = at + term",
        "local ends = at",
        "fixed: crashes",
    ),
    of(
        "a hold never lapses",
        "local ends = at + term",
        "local ends = at + 4 * term",
        "fixed: crashes",
    ),
    of(
        "over-use is free",
        "if over > 0 then rule:debit(state, now, over) end",
        "",
        "fixed: crashes",
    ),
    of(
        "a reset leaves what was held",
        "    call('DEL', key .. 'h')\n",
        "",
        "fixed: resets",
    ),
    of(
        "the set of holds never expires",
        "if life > call('PTTL', set) then call('PEXPIRE', set, format('%.0f', life)) end",
        "",
        "fixed: crashes",
    ),
    of(
        "the charges before a hold are forgotten",
        "rule.mark and rule:mark(state, at) or 0",
        "0",
        "bucket: crashes",
    ),
    of(
        "what has lapsed is settled as if it were charged",
        "(open == 1 or hold.orphan == 'k') and cost or 0",
        "cost",
        "fixed: late messages",
    ),
    of(
        "what a settlement gives back is not counted",
        "    holds.count_refund(rule, key, cost)\n    return rule:undo",
        "    return rule:undo",
        "bucket: crashes",
    ),
    of(
        "holds that lapse together are given back in one step",
        "            rule:write(key, state, now)\n            state = rule:read(key, now)\n        end\n        note(key, 'lapsed', hold.cost)\n    end",
        "        end\n        note(key, 'lapsed', hold.cost)\n    end\n    rule:write(key, state, now)\n    state = rule:read(key, now)",
        "log: crashes",
    ),
];

/// A fault: what it is, the text that it replaces, by what, and which search meets it.
const fn of(
    what: &'static str,
    from: &'static str,
    to: &'static str,
    met_by: &'static str,
) -> Fault {
    Fault {
        what,
        file: "hold",
        from,
        to,
        met_by,
    }
}
