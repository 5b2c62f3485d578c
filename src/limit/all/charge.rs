//! Charges several buckets: all, or none.
//!
//! Called by the limiters of [`tuples`](super::tuples) for each check. Buckets
//! of this process are decided here, without an allocation; the rest becomes a
//! [`PendingAll`].

use super::{
    combined::{Combined, longer_denial},
    failure::Failure,
    notes::Notes,
    pending::PendingAll,
};
use crate::limit::{
    decision::Decision,
    limiter::{Check, Wait},
    member::MemberBucket,
    reservation::{CheckRequest, Reservation, Reserved, Rollback, Taken},
    rules::quota::Cost,
};

/// The most members of a tuple.
const MAX_MEMBERS: usize = 4;

/// By the index of the members; `None` if nothing was reserved.
type ReservedByMember = [Option<Reserved>; MAX_MEMBERS];

/// The buckets of one check, by the index of their members.
pub(super) struct AllBuckets<'a> {
    /// By the index of their members.
    buckets: &'a [&'a dyn MemberBucket],
    /// `None` for a bucket that is equal to one before it.
    requests: [Option<CheckRequest>; MAX_MEMBERS],
}

impl<'a> AllBuckets<'a> {
    /// A bucket that occurs twice is asked once, for twice the cost. Asked
    /// twice, each would decide as if the other did not exist.
    pub(super) fn new(buckets: &'a [&'a dyn MemberBucket], cost: Cost, wait: Option<Wait>) -> Self {
        let mut requests: [Option<CheckRequest>; MAX_MEMBERS] = [None; MAX_MEMBERS];
        // At most four buckets, so comparing each with those before is
        // cheapest.
        for (index, bucket) in buckets.iter().enumerate() {
            let same = |other: &&dyn MemberBucket| other.id() == bucket.id();
            let first = buckets[..index].iter().position(same);
            match first.and_then(|first| requests[first].as_mut()) {
                Some(first) => first.cost = first.cost.saturating_add(cost),
                None => requests[index] = Some(CheckRequest { cost, wait }),
            }
        }
        Self { buckets, requests }
    }

    /// Reserves all buckets in this process, and then commits them or rolls
    /// them back. They come before buckets in other processes, because they
    /// refuse without a call.
    pub(super) fn check<E: Failure>(&self, mut notes: Option<Notes>) -> Check<Reservation<E>> {
        if let Some(denial) = self.remote_denial() {
            return self.refuse(denial, notes);
        }
        let mut reserved = [const { None }; MAX_MEMBERS];
        match self.reserve(&mut reserved, &mut notes) {
            Ok(combined) => self.commit(combined, reserved, notes),
            Err((index, denial)) => {
                self.roll_back(reserved);
                self.refuse(self.longest_denial_after(index, denial), notes)
            }
        }
    }

    /// Reserves one bucket after the other.
    ///
    /// # Errors
    ///
    /// With the index and the denial of the first bucket that denies. The
    /// buckets before it are reserved.
    fn reserve(
        &self,
        reserved: &mut ReservedByMember,
        notes: &mut Option<Notes>,
    ) -> Result<Combined, (usize, Decision)> {
        let mut combined = Combined::default();
        for (index, bucket, request) in self.requests() {
            let Some(one) = bucket.reserve(request) else {
                continue;
            };
            if one.decision.is_denied() {
                return Err((index, one.decision));
            }
            combined.add(index, &one.decision);
            if let Some(notes) = notes {
                notes.decided(index, &one.decision);
            }
            reserved[index] = Some(one);
        }
        Ok(combined)
    }

    /// Keeps what was reserved, at once if no call and no wait is left.
    fn commit<E: Failure>(
        &self,
        combined: Combined,
        reserved: ReservedByMember,
        notes: Option<Notes>,
    ) -> Check<Reservation<E>> {
        let waits = |reserved: &Reserved| matches!(reserved.taken, Taken::Place(_));
        if self.remote().next().is_none() && !reserved.iter().flatten().any(waits) {
            let decision = combined.decision();
            if let Some(notes) = notes {
                notes.admitted(&decision);
            }
            return Check::Now(decision);
        }
        let pending = self.pending(combined, reserved, notes);
        Check::Later(Reservation::new(async move {
            pending.finish().await.map_err(E::of)
        }))
    }

    /// Rolls back what was reserved. A place is given back by its drop.
    #[cold]
    fn roll_back(&self, reserved: ReservedByMember) {
        for (bucket, reserved) in self.buckets.iter().zip(&reserved) {
            if let Some(Reserved {
                taken: Taken::Charge(charge),
                ..
            }) = reserved
            {
                bucket.roll_back(*charge);
            }
        }
    }

    /// Answers a denial. Nothing is reserved any more, so that the notes can
    /// peek at what is left.
    #[cold]
    fn refuse<E: Failure>(&self, denial: Decision, notes: Option<Notes>) -> Check<Reservation<E>> {
        self.note_refusal(&denial, notes);
        Check::Now(denial)
    }

    /// Notes a denial of all.
    pub(super) fn note_refusal(&self, denial: &Decision, notes: Option<Notes>) {
        if let Some(mut notes) = notes {
            notes.watch(self.buckets());
            notes.refused(denial);
        }
    }

    /// Moves what was reserved into guards, which roll back when they are
    /// dropped.
    #[cold]
    fn pending(
        &self,
        combined: Combined,
        reserved: ReservedByMember,
        mut notes: Option<Notes>,
    ) -> PendingAll {
        if let Some(notes) = &mut notes {
            notes.watch(self.buckets());
        }
        let reserved = self.buckets.iter().zip(reserved);
        let rollbacks = reserved.filter_map(|(bucket, reserved)| {
            Some(match reserved?.taken {
                Taken::Charge(charge) => bucket.guard(charge),
                Taken::Place(reservation) => Rollback::place(reservation),
            })
        });
        PendingAll {
            combined,
            rollbacks: rollbacks.collect(),
            notes,
            #[cfg(feature = "redis")]
            requests: self
                .requests()
                .filter_map(|(index, bucket, request)| Some((index, bucket.remote(request)?)))
                .collect(),
        }
    }

    /// The denial, if a bucket in another process is known to deny.
    pub(super) fn remote_denial(&self) -> Option<Decision> {
        let (index, denial) = self.remote().find_map(|(index, bucket, request)| {
            Some((index, bucket.certain_denial(request)?.by(index)))
        })?;
        Some(self.longest_denial(denial, |other| other != index))
    }

    /// The longest of the denial of a member and those that are certain of the
    /// members after it.
    pub(super) fn longest_denial_after(&self, member: usize, denial: Decision) -> Decision {
        self.longest_denial(denial.by(member), |other| other > member)
    }

    /// The longest of this denial and those that are certain of other members.
    #[cold]
    fn longest_denial(&self, denial: Decision, among: impl Fn(usize) -> bool) -> Decision {
        let others = self.requests().filter(|(index, ..)| among(*index));
        let denials = others
            .filter_map(|(index, bucket, request)| Some(bucket.certain_denial(request)?.by(index)));
        denials.fold(denial, |longest, other| longer_denial(Some(longest), other))
    }

    /// The buckets that are asked, without those that occur twice.
    pub(super) fn buckets(&self) -> impl Iterator<Item = (usize, &'a dyn MemberBucket)> {
        self.requests().map(|(index, bucket, _)| (index, bucket))
    }

    /// The buckets in other processes.
    fn remote(&self) -> impl Iterator<Item = (usize, &'a dyn MemberBucket, CheckRequest)> {
        self.requests().filter(|(_, bucket, _)| bucket.is_remote())
    }

    /// All buckets that are asked, each with its request.
    pub(super) fn requests(
        &self,
    ) -> impl Iterator<Item = (usize, &'a dyn MemberBucket, CheckRequest)> {
        let each = self.buckets.iter().zip(self.requests).enumerate();
        each.filter_map(|(index, (bucket, request))| Some((index, *bucket, request?)))
    }
}
