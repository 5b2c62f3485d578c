//! One column of the comparison.

use std::fmt;

use sluicegate::limit::Quota;

use super::player::Player;
use crate::results::{Rule, Source};

/// A rule or a peer: its names, its promise, and the maker of its players.
pub struct Candidate {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) library: &'static str,
    pub(super) source: Source,
    pub(super) about: &'static str,
    pub(super) retry: &'static str,
    pub(super) bound: fn(&Quota) -> u64,
    pub(super) player: fn(Quota, usize) -> Box<dyn Player>,
}

impl Candidate {
    /// Returns the short name for code: `token-bucket`.
    pub fn id(&self) -> &'static str {
        self.id
    }

    /// Returns the name to show: `token bucket`.
    pub fn title(&self) -> &'static str {
        self.title
    }

    /// Returns the entry of the results.
    pub fn rule(&self) -> Rule {
        Rule {
            id: self.id.to_owned(),
            title: self.title.to_owned(),
            library: self.library.to_owned(),
            source: self.source,
            about: self.about.to_owned(),
            retry: self.retry.to_owned(),
        }
    }

    /// Returns the most requests that the rule promises to let pass in any window
    /// of the period.
    pub fn bound(&self, quota: &Quota) -> u64 {
        (self.bound)(quota)
    }

    /// Returns a player with this many buckets, which starts at the instant 0.
    pub fn player(&self, quota: Quota, buckets: usize) -> Box<dyn Player> {
        (self.player)(quota, buckets)
    }
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Candidate({})", self.id)
    }
}
