//! Holds an estimate in several buckets: in all of them, or in none.
//!
//! Each bucket makes a hold of its own. They become one when all have admitted;
//! until then each gives its charge back when it is dropped.

use super::{charge::AllBuckets, combined::Combined, failure::Failure, notes::Notes};
use crate::limit::{
    decision::Decision,
    hold::{GiveBack, Held, Hold, HoldError, Holding},
    limiter::Wait,
    member::MemberBucket,
    rules::quota::Cost,
};

/// The holds of one request, by the index of their members.
pub(super) struct HoldBuckets<'a> {
    all: AllBuckets<'a>,
    buckets: &'a [&'a dyn MemberBucket],
    estimate: Cost,
}

/// The hold of one member.
struct MemberHold {
    member: usize,
    /// How often the bucket occurs, and so how many times the estimate was
    /// charged to it.
    times: u64,
    holding: MemberHolding,
}

enum MemberHolding {
    Done(Hold<GiveBack>),
    /// It waits for its place in a queue.
    Waiting(Holding),
}

impl<'a> HoldBuckets<'a> {
    pub(super) fn new(
        buckets: &'a [&'a dyn MemberBucket],
        estimate: Cost,
        wait: Option<Wait>,
    ) -> Self {
        let all = AllBuckets::new(buckets, estimate, wait);
        Self {
            all,
            buckets,
            estimate,
        }
    }

    /// The buckets that are charged, without those that occur twice.
    pub(super) fn members(&self) -> impl Iterator<Item = (usize, &'a dyn MemberBucket)> {
        self.all.buckets()
    }

    /// Holds in all buckets, or in none.
    pub(super) fn hold<E: Failure>(&self, notes: Option<Notes>) -> Holding<E> {
        match self.each() {
            Ok(members) => PendingHold {
                members,
                estimate: self.estimate,
                notes,
            }
            .holding(),
            Err((member, denial)) => {
                let denial = self.all.longest_denial_after(member, denial);
                self.all.note_refusal(&denial, notes);
                Holding::now(Err(HoldError::Denied(denial)))
            }
        }
    }

    /// Holds in one bucket after the other.
    ///
    /// # Errors
    ///
    /// With the index and the denial of the first bucket that denies. The
    /// others have their charges back.
    fn each(&self) -> Result<Vec<MemberHold>, (usize, Decision)> {
        let mut members = Vec::with_capacity(self.buckets.len());
        for (member, bucket, request) in self.all.requests() {
            let holding = bucket.hold(request);
            let holding = holding.expect("the bucket of a `HoldMember` can hold");
            let holding = match holding.try_now() {
                Ok(Ok(hold)) => MemberHolding::Done(hold.or_give_back()),
                Ok(Err(HoldError::Denied(denial))) => return Err((member, denial)),
                Err(waiting) => MemberHolding::Waiting(waiting),
            };
            let same = self
                .buckets
                .iter()
                .filter(|other| other.id() == bucket.id());
            members.push(MemberHold {
                member,
                times: same.count() as u64,
                holding,
            });
        }
        Ok(members)
    }
}

/// The holds of all members, some of which may be waiting. Dropped, each gives
/// its charge back.
struct PendingHold {
    members: Vec<MemberHold>,
    estimate: Cost,
    /// `None` unless the caller lists the decisions of all members.
    notes: Option<Notes>,
}

impl PendingHold {
    fn holding<E: Failure>(self) -> Holding<E> {
        let is_waiting = |it: &MemberHold| matches!(it.holding, MemberHolding::Waiting(_));
        match self.members.iter().any(is_waiting) {
            true => Holding::later(async move { Ok(self.wait().await) }),
            false => Holding::now(Ok(self.finish(false))),
        }
    }

    /// Waits for all places. They fall due at instants, so this takes as long
    /// as the last of them.
    async fn wait(mut self) -> Hold {
        for member in &mut self.members {
            if let MemberHolding::Waiting(waiting) = &mut member.holding {
                let hold = waiting.await.expect("a booked place admits when it is due");
                member.holding = MemberHolding::Done(hold.or_give_back());
            }
        }
        self.finish(true)
    }

    /// Makes one hold of all.
    fn finish(self, has_waited: bool) -> Hold {
        let (mut combined, mut notes) = (Combined::default(), self.notes);
        let mut charges = Vec::with_capacity(self.members.len());
        for MemberHold {
            member,
            times,
            holding,
        } in self.members
        {
            let MemberHolding::Done(hold) = holding else {
                unreachable!("`wait` has ended all waits");
            };
            combined.add(member, hold.decision());
            if let Some(notes) = &mut notes {
                notes.decided(member, hold.decision());
            }
            charges.extend(hold.into_held().map(|held| (times, held)));
        }
        let decision = match has_waited {
            true => combined.decision().waiting(0).when_due(),
            false => combined.decision(),
        };
        if let Some(notes) = notes {
            notes.admitted(&decision);
        }
        Hold::of(decision, self.estimate, Held::Several(charges))
    }
}
