//! The deadline of an event, which comes across the queue by its id.

use sluicegate::deadline::{
    Deadline,
    registry::{Claim, Error},
};

use super::context::Context;
use crate::{event::Reason, store::Event, time};

/// An event with its deadline.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) event: Event,
    deadline: Option<Deadline>,
    /// Learns of a cancellation. `None` if the registry does not know the deadline.
    claim: Option<Claim>,
}

impl Job {
    /// Claims the deadline of an event.
    ///
    /// A registry in process forgets it with the process, and one in Redis may be
    /// down. Then the row says when it passes, by the clock of this machine.
    pub(super) async fn claim(context: &Context, event: Event) -> Result<Self, (Event, Reason)> {
        let Some((id, expires)) = &event.deadline else {
            return Ok(Self::without_claim(event, None));
        };
        let claimed = match id.parse() {
            Ok(id) => context.deadlines.claim(&id).await,
            Err(error) => Err(error),
        };
        match claimed {
            Ok(claim) => Ok(Self {
                event,
                deadline: Some(claim.deadline()),
                claim: Some(claim),
            }),
            Err(Error::Expired) => Err((event, Reason::Expired)),
            Err(Error::Cancelled(_)) => Err((event, Reason::Cancelled)),
            Err(_) => {
                let deadline = Deadline::after(time::until(*expires));
                Ok(Self::without_claim(event, Some(deadline)))
            }
        }
    }

    fn without_claim(event: Event, deadline: Option<Deadline>) -> Self {
        Self {
            event,
            deadline,
            claim: None,
        }
    }

    /// Returns the deadline, if there is one.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        self.deadline
    }

    /// Returns why the work must not be begun any more.
    pub(super) fn over(&self) -> Option<Reason> {
        let claim = self.claim.as_ref();
        if claim.is_some_and(|claim| claim.why_cancelled().is_some()) {
            return Some(Reason::Cancelled);
        }
        let deadline = self.deadline?;
        deadline.remaining().is_zero().then_some(Reason::Expired)
    }
}
