//! Faults that are planted into the script of holds.

use crate::faults::Fault;

pub(crate) const FAULTS: [Fault; 24] = [
    of(
        "what a credit gave back comes back again",
        "cost = max(0, cost - credits)",
        "",
        "fixed: credits",
    ),
    of(
        "what others gave back is not counted",
        "has_mark(rule) and max(0, mark - refunds) or mark",
        "mark",
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
        "hold.orphan == 'g' and holds.undo",
        "holds.undo",
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
        "what is taken back is not counted",
        "if refunds <= 0 and credits == 0 then return done end",
        "if credits == 0 then return done end",
        "bucket: crashes",
    ),
    of(
        "a credit does not count as a refund",
        "has_mark(rule) and rule:distance(state, now)",
        "credits == 0 and has_mark(rule) and rule:distance(state, now)",
        "bucket: credits",
    ),
    of(
        "sums are those since a charge, whatever was before",
        "if generation == charge.generation then",
        "if false then",
        "bucket: charges and holds",
    ),
    of(
        "the sums of another generation are those of this one",
        "if generation == charge.generation then",
        "if true then",
        "fixed: two resets",
    ),
    of(
        "a reset begins no generation",
        "    begin(key, now)\nend",
        "end",
        "fixed: charges that are taken back",
    ),
    of(
        "sums are forgotten before the bucket",
        "life = max(life + 1, call('PTTL', key .. 'g'))",
        "life = 1",
        "fixed: charges that are taken back",
    ),
    of(
        "a step back leaves what was charged before",
        "    begin(key, last)\nend",
        "end",
        "fixed: a far step back",
    ),
    of(
        "what is taken back in the moment of a step back comes back",
        "cost == 0 or state.stepped",
        "cost == 0",
        "bucket: a far step back",
    ),
    of(
        "several limits are charged if one of them denies",
        "passes = passes and bucket.admits",
        "",
        "fixed: together",
    )
    .of_file("all"),
    of(
        "a hold in several limits is charged if one of them denies",
        "    if bucket.hold and passes then",
        "    if bucket.hold then",
        "fixed: together",
    )
    .of_file("all"),
    of(
        "a settlement with several limits is not written",
        "if changed and not state.unreadable then rule:write(key, state, now) end",
        "",
        "fixed: together",
    )
    .of_file("all"),
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

impl Fault {
    const fn of_file(self, file: &'static str) -> Self {
        Self { file, ..self }
    }
}
