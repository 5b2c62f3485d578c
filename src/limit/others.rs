//! The decisions of the limits that did not make the final one.
//!
//! `All` notes them while it decides, and the layer hands them to the answer
//! that writes the response.

use std::{fmt, sync::Arc, time::Duration};

use super::{decision::Decision, rules::quota::Cost};
use crate::sync::{Mutex, lock};

/// A limit of an [`All`](super::All) other than the one that made the decision.
///
/// A response can list it in its headers; see
/// [`Refusal::others`](crate::refusal::Refusal::others).
#[derive(Clone, Debug)]
pub struct Other {
    name: Arc<str>,
    /// The decision of a bucket never seen, if the limit was not asked.
    decision: Decision,
    was_asked: bool,
}

impl Other {
    pub(super) fn new(name: Arc<str>, decision: Decision, was_asked: bool) -> Self {
        Self {
            name,
            decision,
            was_asked,
        }
    }

    /// Returns the name of the limit.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the decision of the limit; `None` if it was not asked, because
    /// another limit had refused before.
    pub fn decision(&self) -> Option<&Decision> {
        self.was_asked.then_some(&self.decision)
    }

    /// Returns the largest cost that a whole bucket of the limit admits at
    /// once.
    pub fn limit(&self) -> Cost {
        self.decision.limit()
    }

    /// Returns the time in which all of that comes back; see
    /// [`Decision::window`].
    pub fn window(&self) -> Duration {
        self.decision.window()
    }
}

/// A list to which a limiter of several limits notes their decisions; see
/// [`Limiter::until_ready_noting`](super::Limiter::until_ready_noting).
///
/// It stays empty for a limiter that is one limit. Clones share the list.
#[derive(Clone, Default)]
pub struct Others(Option<Arc<Mutex<Vec<Other>>>>);

impl Others {
    /// Returns the noted decisions, in the order of the limits.
    pub fn list(&self) -> Vec<Other> {
        self.0
            .as_deref()
            .map_or_else(Vec::new, |list| lock(list).clone())
    }

    /// Whether the limiter is one limit, which notes nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Returns a handle by which decisions can be noted later. Only this
    /// allocates.
    pub(super) fn handle(&mut self) -> Self {
        self.0.get_or_insert_default();
        self.clone()
    }

    pub(super) fn note(&self, others: Vec<Other>) {
        if let Some(list) = &self.0 {
            *lock(list) = others;
        }
    }
}

impl fmt::Debug for Others {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.list()).finish()
    }
}
