//! The searches, and the faults that they find.

use super::{
    cases::{buckets, logs, windows},
    faults::FAULTS,
};
use crate::{
    cases::{Case, Form, form},
    mutations::all_are_met,
};

#[test]
fn a_held_bucket_never_has_more_than_was_settled() {
    buckets(form()).iter().for_each(Case::holds);
}

#[test]
fn a_held_window_never_has_more_than_was_settled() {
    windows(form()).iter().for_each(Case::holds);
}

#[test]
fn a_held_log_never_has_more_than_was_settled() {
    logs(form()).iter().for_each(Case::holds);
}

#[test]
fn each_fault_planted_into_holds_is_met() {
    let form = Form(false);
    let cases = [buckets(form), windows(form), logs(form)];
    let cases: Vec<_> = cases.into_iter().flatten().collect();
    all_are_met(&FAULTS, &cases);
}
