//! Shows that the searches see: each fault that is planted into the scripts is met
//! by the search that it names.

use crate::{
    buckets::buckets,
    cases::{Case, Form},
    faults::{Fault, OF_BUCKETS, OF_WINDOWS},
    windows::windows,
};

/// The files that faults are planted into.
const FILES: [(&str, &str); 12] = [
    ("clock", include_str!("../../lua/clock.lua")),
    ("shortcut", include_str!("../../lua/shortcut.lua")),
    ("prelude", include_str!("../../lua/prelude.lua")),
    ("gcra", include_str!("../../lua/gcra.lua")),
    ("refund", include_str!("../../lua/refund.lua")),
    ("hold", include_str!("../../lua/hold.lua")),
    ("lease", include_str!("../../lua/lease.lua")),
    ("new_quota", include_str!("../../lua/new_quota.lua")),
    ("window", include_str!("../../lua/window.lua")),
    (
        "sliding_window",
        include_str!("../../lua/sliding_window.lua"),
    ),
    ("batch", include_str!("../../lua/batch.lua")),
    ("all", include_str!("../../lua/all.lua")),
];

/// The file as it is, and with the fault.
fn planted(fault: &Fault) -> (&'static str, String) {
    let Fault {
        what,
        file,
        from,
        to,
        ..
    } = fault;
    let (_, text) = FILES.iter().find(|(name, _)| name == file).unwrap();
    assert_eq!(text.matches(from).count(), 1, "{what}: `{from}` in {file}");
    (text, text.replacen(from, to, 1))
}

fn is_met(fault: &Fault, cases: &[Case]) -> bool {
    let (text, faulty) = planted(fault);
    let case = cases.iter().find(|case| case.name == fault.met_by);
    let edit = |source: String| source.replacen(text, &faulty, 1);
    case.expect(fault.met_by).run(&edit, true).broken > 0
}

pub(crate) fn all_are_met(faults: &[Fault], cases: &[Case]) {
    let missed = faults.iter().filter(|fault| !is_met(fault, cases));
    let missed: Vec<_> = missed.map(|fault| (fault.file, fault.what)).collect();
    assert!(missed.is_empty(), "no search meets {missed:#?}");
}

#[test]
fn each_fault_planted_into_a_bucket_is_met() {
    all_are_met(&OF_BUCKETS, &buckets(Form(false)));
}

#[test]
fn each_fault_planted_into_a_window_is_met() {
    all_are_met(&OF_WINDOWS, &windows(Form(false)));
}
