//! The holds of several limits that share a call; [`hold`](super::hold) makes the
//! others.

use super::{charge::AllBuckets, failure::MemberError};
use crate::limit::{
    hold::HoldError,
    redis::{AllRequests, HeldGroup, group_by_call, hold_group},
};

/// Groups of holds, each of which is a call. Dropped, they give back what they hold.
pub(super) struct PendingGroups {
    /// The requests that are still to be sent, each with how many times its bucket is
    /// charged.
    requests: Vec<(AllRequests, Vec<u64>)>,
    held: Vec<HeldGroup>,
}

impl PendingGroups {
    /// The groups of more than one bucket. `times` says how often a bucket occurs.
    pub(super) fn of(all: &AllBuckets<'_>, times: impl Fn(usize) -> u64) -> Self {
        let requests = all.requests();
        let requests = requests
            .filter_map(|(member, bucket, request)| Some((member, bucket.remote_hold(request)?)));
        let groups = group_by_call(requests.collect()).into_iter();
        let groups = groups.filter(|group| group.len() > 1);
        let with_times = |group: AllRequests| {
            let times = group.iter().map(|(member, _)| times(*member)).collect();
            (group, times)
        };
        Self {
            requests: groups.map(with_times).collect(),
            held: Vec::new(),
        }
    }

    /// Whether a member is in a group.
    pub(super) fn has(&self, member: usize) -> bool {
        let mut members = self.requests.iter().flat_map(|(group, _)| group);
        members.any(|(other, _)| *other == member)
    }

    /// Whether there is a call to wait for.
    pub(super) fn wait(&self) -> bool {
        !self.requests.is_empty()
    }

    /// Holds one group after the other.
    ///
    /// # Errors
    ///
    /// With the denial or the error of the first that does not hold.
    pub(super) async fn hold(&mut self) -> Result<(), HoldError<MemberError>> {
        for (group, times) in std::mem::take(&mut self.requests) {
            self.held.push(hold_group(group, times).await?);
        }
        Ok(())
    }

    /// Gives back what is held.
    pub(super) fn clear(&mut self) {
        self.held.clear();
    }

    pub(super) fn into_held(self) -> Vec<HeldGroup> {
        self.held
    }
}
