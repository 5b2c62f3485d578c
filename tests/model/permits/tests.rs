//! Searches all cases, and shows that they see: each fault that is planted into the
//! script is met.

use super::{
    cases::{Case, cases},
    faults::{FAULTS, Fault},
};
use crate::cases::{Form, form};

#[test]
fn a_fleet_never_has_more_permits_than_its_limit() {
    for case in cases(form()) {
        let report = case.run(&|source| source, false);
        println!(
            "{}: {} states, {} steps",
            case.name, report.states, report.steps
        );
        if let Some(first) = report.first {
            let (name, broken) = (case.name, report.broken);
            panic!("{name}: {broken} steps break the law, the first by\n{first}");
        }
    }
}

fn is_met(&(what, from, to, met_by): &Fault, cases: &[Case]) -> bool {
    let edit = |source: String| {
        assert_eq!(source.matches(from).count(), 1, "{what}: `{from}`");
        source.replacen(from, to, 1)
    };
    let case = cases.iter().find(|case| case.name == met_by);
    case.unwrap().run(&edit, true).broken > 0
}

#[test]
fn each_fault_planted_into_the_permits_is_met() {
    let cases = cases(Form(false));
    let missed = FAULTS.iter().filter(|fault| !is_met(fault, &cases));
    let missed: Vec<_> = missed.map(|(what, ..)| what).collect();
    assert!(missed.is_empty(), "no search meets {missed:#?}");
}
