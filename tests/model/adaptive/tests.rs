//! Searches all cases, and shows that they see: each fault that is planted into the
//! script is met.

use super::{
    cases::cases,
    faults::{FAULTS, Fault},
};
use crate::cases::{Case, Form, form};

#[test]
fn the_bounds_of_a_fleet_are_never_more_than_its_maximum() {
    cases(form()).iter().for_each(Case::holds);
}

fn is_met(&(what, from, to, met_by): &Fault, cases: &[Case]) -> bool {
    let edit = |source: String| {
        assert_eq!(source.matches(from).count(), 1, "{what}: `{from}`");
        source.replacen(from, to, 1)
    };
    let case = cases.iter().find(|case| case.name == met_by);
    case.expect(met_by).run(&edit, true).broken > 0
}

#[test]
fn each_fault_planted_into_adaptive_limits_is_met() {
    let cases = cases(Form(false));
    let missed = FAULTS.iter().filter(|fault| !is_met(fault, &cases));
    let missed: Vec<_> = missed.map(|(what, ..)| what).collect();
    assert!(missed.is_empty(), "no search meets {missed:#?}");
}
