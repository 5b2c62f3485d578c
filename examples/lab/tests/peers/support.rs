//! What the tests of both models share.

use lab::compare::candidates::{Player, candidates};
use sluicegate::limit::Quota;

/// Returns a player of a candidate with one bucket.
pub(crate) fn player(id: &str, quota: &str) -> Box<dyn Player> {
    let candidate = candidates().find(|candidate| candidate.id() == id).unwrap();
    candidate.player(quota.parse::<Quota>().unwrap(), 1)
}

/// Runs until the measured instants leave no answer open.
pub(crate) fn until_unambiguous(mut run: impl FnMut() -> Option<()>) {
    let clear = (0..50).any(|_| run().is_some());
    assert!(clear, "50 runs took too long to be told apart");
}
