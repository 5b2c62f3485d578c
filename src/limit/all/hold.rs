//! Holds an estimate in several buckets: in all of them, or in none.
//!
//! Each bucket makes a hold of its own, or together with those of the same Redis.
//! They become one when all have admitted; until then each gives its charge back
//! when it is dropped.

#[cfg(feature = "redis")]
use super::groups::PendingGroups;
use super::{
    charge::AllBuckets,
    combined::Combined,
    failure::{Failure, MemberError},
    notes::Notes,
};
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
    /// It waits for Redis, or for its place in a queue.
    Waiting(Holding<MemberError>),
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
    pub(super) fn hold<E: Failure>(&self, mut notes: Option<Notes>) -> Holding<E> {
        let denied = match self.all.remote_denial() {
            Some(denial) => Err(HoldError::Denied(denial)),
            None => self.each(),
        };
        match denied {
            Ok(mut pending) => {
                if let Some(notes) = &mut notes {
                    notes.watch(self.members());
                }
                pending.notes = notes;
                pending.holding()
            }
            Err(HoldError::Denied(denial)) => {
                self.all.note_refusal(&denial, notes);
                Holding::now(Err(HoldError::Denied(denial)))
            }
            Err(HoldError::Limiter(error)) => Holding::now(Err(HoldError::Limiter(E::of(error)))),
        }
    }

    /// Holds in one bucket after the other.
    ///
    /// # Errors
    ///
    /// With the denial or the error of the first bucket that has none. The
    /// others get their charges back.
    fn each(&self) -> Result<PendingHold, HoldError<MemberError>> {
        let mut members = Vec::with_capacity(self.buckets.len());
        #[cfg(feature = "redis")]
        let groups = PendingGroups::of(&self.all, |member| self.times(member));
        for (member, bucket, request) in self.all.requests() {
            #[cfg(feature = "redis")]
            if groups.has(member) {
                continue;
            }
            let holding = match bucket.hold(request).try_now() {
                Ok(Ok(hold)) => MemberHolding::Done(hold.or_give_back()),
                Err(waiting) => MemberHolding::Waiting(waiting),
                Ok(Err(HoldError::Denied(denial))) => {
                    let denial = self.all.longest_denial_after(member, denial);
                    return Err(HoldError::Denied(denial));
                }
                Ok(Err(error)) => return Err(error),
            };
            members.push(MemberHold {
                member,
                times: self.times(member),
                holding,
            });
        }
        Ok(PendingHold {
            members,
            #[cfg(feature = "redis")]
            groups,
            estimate: self.estimate,
            notes: None,
        })
    }

    /// How often the bucket of a member occurs.
    fn times(&self, member: usize) -> u64 {
        let same = |other: &&&dyn MemberBucket| other.id() == self.buckets[member].id();
        self.buckets.iter().filter(same).count() as u64
    }
}

/// The holds of all members, some of which may be waiting. Dropped, each gives
/// its charge back.
struct PendingHold {
    members: Vec<MemberHold>,
    #[cfg(feature = "redis")]
    groups: PendingGroups,
    estimate: Cost,
    /// `None` unless the caller lists the decisions of all members.
    notes: Option<Notes>,
}

impl PendingHold {
    fn holding<E: Failure>(self) -> Holding<E> {
        let is_waiting = |it: &MemberHold| matches!(it.holding, MemberHolding::Waiting(_));
        let waits = self.members.iter().any(is_waiting);
        #[cfg(feature = "redis")]
        let waits = waits || self.groups.wait();
        match waits {
            true => Holding::later(self.wait()).map_err(E::of),
            false => Holding::now(Ok(self.finish())),
        }
    }

    /// Waits for the replies of Redis and for all places. Places fall due at
    /// instants, so this takes as long as the last of them. The first member
    /// that denies ends it: the others are dropped with this, and give their
    /// charges back.
    async fn wait(mut self) -> Result<Hold, HoldError<MemberError>> {
        for it in &mut self.members {
            let MemberHolding::Waiting(waiting) = &mut it.holding else {
                continue;
            };
            match waiting.await {
                Ok(hold) => it.holding = MemberHolding::Done(hold.or_give_back()),
                Err(HoldError::Denied(denial)) => {
                    let denial = denial.by(it.member);
                    return Err(self.refuse(denial));
                }
                Err(error) => return Err(error),
            }
        }
        #[cfg(feature = "redis")]
        match self.groups.hold().await {
            Err(HoldError::Denied(denial)) => return Err(self.refuse(denial)),
            held => held?,
        }
        Ok(self.finish())
    }

    /// Gives back what is held, before the notes peek at what is left.
    fn refuse(mut self, denial: Decision) -> HoldError<MemberError> {
        self.members.clear();
        #[cfg(feature = "redis")]
        self.groups.clear();
        if let Some(notes) = self.notes {
            notes.refused(&denial);
        }
        HoldError::Denied(denial)
    }

    /// Makes one hold of all.
    fn finish(self) -> Hold {
        let (mut combined, mut notes) = (Combined::default(), self.notes);
        let mut has_waited = false;
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
            has_waited |= hold.decision().is_of_a_wait();
            if let Some(notes) = &mut notes {
                notes.decided(member, hold.decision());
            }
            charges.extend(hold.into_held().map(|held| (times, held)));
        }
        #[cfg(feature = "redis")]
        for group in self.groups.into_held() {
            for (member, decision) in &group.decisions {
                combined.add(*member, decision);
                if let Some(notes) = &mut notes {
                    notes.decided(*member, decision);
                }
            }
            charges.extend(group.hold.into_held().map(|held| (1, held)));
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
