//! A check of several limits that needs a call or a wait.

#[cfg(feature = "redis")]
use super::combined::longer_denial;
use super::{combined::Combined, failure::MemberError, notes::Notes};
#[cfg(feature = "redis")]
use crate::limit::redis::{AllRequests, group_by_call, reserve_group};
use crate::limit::{decision::Decision, reservation::Rollback};

/// The buckets that are still to be reserved or waited for. Dropped, it rolls
/// back the reservations made so far.
pub(super) struct PendingAll {
    /// The admissions so far.
    pub(super) combined: Combined,
    /// Guards of the reservations made so far.
    pub(super) rollbacks: Vec<Rollback>,
    /// `None` unless the caller lists the decisions of all members.
    pub(super) notes: Option<Notes>,
    /// The buckets in other processes, which are reserved from the first poll
    /// on.
    #[cfg(feature = "redis")]
    pub(super) requests: AllRequests,
}

impl PendingAll {
    /// Reserves what is left, and then commits everything or rolls it back.
    #[cfg_attr(not(feature = "redis"), allow(unused_mut))]
    pub(super) async fn finish(mut self) -> Result<Decision, MemberError> {
        #[cfg(feature = "redis")]
        if let Some(denial) = self.reserve().await? {
            return Ok(self.roll_back(denial));
        }
        Ok(self.commit().await)
    }

    /// Reserves the buckets in other processes, one call after the other.
    /// Returns the denial, if there is one.
    #[cfg(feature = "redis")]
    async fn reserve(&mut self) -> Result<Option<Decision>, MemberError> {
        for group in group_by_call(std::mem::take(&mut self.requests)) {
            let mut denial = None;
            for (member, guarded) in reserve_group(group).await? {
                if let Some(notes) = &mut self.notes {
                    notes.decided(member, &guarded.decision);
                }
                if guarded.decision.is_denied() {
                    denial = Some(longer_denial(denial, guarded.decision.by(member)));
                } else {
                    self.combined.add(member, &guarded.decision);
                    self.rollbacks.push(guarded.rollback);
                }
            }
            if denial.is_some() {
                return Ok(denial);
            }
        }
        Ok(None)
    }

    /// Waits for all places, and then keeps what was reserved.
    async fn commit(mut self) -> Decision {
        // Places fall due at instants, so this takes as long as the last of
        // them.
        let mut has_waited = false;
        for rollback in &mut self.rollbacks {
            has_waited |= rollback.wait().await;
        }
        self.rollbacks.into_iter().for_each(Rollback::commit);
        let decision = self.combined.decision();
        if let Some(notes) = self.notes {
            notes.admitted(&decision);
        }
        // A caller that obeys the wait itself has to be told how long it is.
        match has_waited {
            true => decision.when_due(),
            false => decision,
        }
    }

    /// Rolls back what was reserved, before the notes peek at what is left.
    #[cfg(feature = "redis")]
    fn roll_back(mut self, denial: Decision) -> Decision {
        self.rollbacks.clear();
        if let Some(notes) = self.notes {
            notes.refused(&denial);
        }
        denial
    }
}
