//! What the limits beside the one that speaks have said of a request. `All` notes
//! it while it decides, and the layer hands it to whoever writes the response.

use std::{fmt, sync::Arc};

use super::{decision::Decision, rules::quota::Cost};
use crate::sync::{Mutex, lock};

/// A limit that stands beside the one that spoke for a request, as in an
/// [`All`](super::All).
#[derive(Clone, Debug)]
pub struct Other {
    name: Arc<str>,
    /// That of a bucket never seen, if it was not asked.
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

    /// The name of the limit.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it said; `None` if it was not asked, because another limit had refused
    /// before.
    pub fn decision(&self) -> Option<&Decision> {
        self.was_asked.then_some(&self.decision)
    }

    /// The largest cost that a whole bucket of it bears at once.
    pub fn limit(&self) -> Cost {
        self.decision.limit()
    }

    /// The time in which all of that comes back; see [`Decision::window`].
    pub fn window(&self) -> std::time::Duration {
        self.decision.window()
    }
}

/// The limits beside the one that speaks, once they are known: see
/// [`Limiter::until_ready_noting`](super::Limiter::until_ready_noting).
///
/// It is empty unless a limiter that consists of several has noted something in
/// it. Clones share what is noted.
#[derive(Clone, Default)]
pub struct Others(Option<Arc<Mutex<Vec<Other>>>>);

impl Others {
    /// What was noted, in the order of the limits.
    pub fn list(&self) -> Vec<Other> {
        self.0
            .as_deref()
            .map_or_else(Vec::new, |list| lock(list).clone())
    }

    /// A handle by which they can be noted later.
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
