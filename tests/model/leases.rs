//! Shares, in every order of everything that can happen to them.

use crate::{
    buckets::buckets,
    cases::{Case, form},
    windows::windows,
};

#[test]
fn a_leased_bucket_never_passes_more_than_it_gives() {
    buckets(form()).iter().for_each(Case::holds);
}

#[test]
fn a_leased_window_never_passes_more_than_its_limit() {
    windows(form()).iter().for_each(Case::holds);
}
