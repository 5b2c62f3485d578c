//! A check of several limits that takes its time.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use super::{
    failure::{Failure, Fault},
    hold::Hold,
    notes::Notes,
    tally::Tally,
};
use crate::limit::decision::Decision;
#[cfg(feature = "redis")]
use crate::limit::redis::{Queries, ask, groups};

/// What is still to be asked and waited for. Dropped, it gives back what was
/// taken so far.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) tally: Tally,
    pub(super) holds: Vec<Hold>,
    pub(super) notes: Option<Notes>,
    #[cfg(feature = "redis")]
    pub(super) queries: Queries,
}

impl Pending {
    async fn decide(mut self) -> Result<Decision, Fault> {
        #[cfg(feature = "redis")]
        if let Some(denial) = self.ask_elsewhere().await? {
            return Ok(self.refused(denial));
        }
        // Each is due at an instant, so this takes as long as the last of them.
        let mut has_waited = false;
        for hold in &mut self.holds {
            has_waited |= hold.come_due().await;
        }
        self.holds.iter_mut().for_each(Hold::settle);
        let decision = self.tally.decision();
        if let Some(notes) = self.notes {
            notes.admitted(&decision);
        }
        // Who was not to wait is told how long.
        Ok(match has_waited {
            true => decision.when_due(),
            false => decision,
        })
    }

    /// Gives back first what was taken, so that what is left is told without it.
    #[cfg(feature = "redis")]
    fn refused(mut self, denial: Decision) -> Decision {
        self.holds.clear();
        if let Some(notes) = self.notes {
            notes.refused(&denial);
        }
        denial
    }

    /// The denial, if there is one.
    #[cfg(feature = "redis")]
    async fn ask_elsewhere(&mut self) -> Result<Option<Decision>, Fault> {
        for group in groups(std::mem::take(&mut self.queries)) {
            let mut denial = None;
            for (part, held) in ask(group).await? {
                if let Some(notes) = &mut self.notes {
                    notes.said(part, &held.decision);
                }
                if held.decision.is_denied() {
                    denial = Some(super::tally::graver(denial, held.decision.by(part)));
                } else {
                    self.tally.add(part, &held.decision);
                    self.holds.push(held.hold);
                }
            }
            if denial.is_some() {
                return Ok(denial);
            }
        }
        Ok(None)
    }
}

/// A check by [`All`](super::All) that is under way, and then its wait.
///
/// Dropped before it is done, it gives back what was taken.
#[must_use = "futures do nothing unless polled; dropped, what was taken is given back"]
pub struct Agreeing<E>(Pin<Box<dyn Future<Output = Result<Decision, E>> + Send>>);

impl<E: Failure> Agreeing<E> {
    pub(super) fn of(pending: Pending) -> Self {
        Self(Box::pin(
            async move { pending.decide().await.map_err(E::of) },
        ))
    }
}

impl<E> Future for Agreeing<E> {
    type Output = Result<Decision, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<E> fmt::Debug for Agreeing<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Agreeing")
    }
}
