//! The settings of the layer, and the bounds on one call's wait.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::observe::{Event, Observe};
use crate::{client::advice::MAX_DELAY, deadline, limit::Wait, random_bits::RandomBits};

/// The settings that do not change the type of a layer.
#[derive(Clone, Debug)]
pub(super) struct ObeySettings {
    pub(super) wait: Wait,
    /// The longest pause that a server can cause.
    pub(super) cap: Duration,
    /// How long calls wait for the first response of a peer.
    pub(super) first_answer: Duration,
    pub(super) shadow: bool,
    pub(super) observer: Option<Arc<dyn Observe>>,
    pub(super) random: RandomBits,
}

impl Default for ObeySettings {
    fn default() -> Self {
        Self {
            wait: Wait::up_to(Duration::from_secs(30)),
            cap: Duration::from_secs(300),
            first_answer: Duration::from_secs(1),
            shadow: false,
            observer: None,
            random: RandomBits::default(),
        }
    }
}

/// How long one call waits at most.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    /// `None` if it does not wait at all.
    pub(super) until: Option<Instant>,
    /// Whether that is the deadline of the call.
    pub(super) is_deadline: bool,
}

impl fmt::Debug for Patience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Patience").field(&self.until).finish()
    }
}

impl ObeySettings {
    /// Returns how long the current call waits.
    pub(super) fn patience(&self, now: Instant) -> Patience {
        let own = self.wait.max_wait().filter(|it| !it.is_zero());
        let own = own.map(|longest| now + longest.min(MAX_DELAY));
        let deadline = deadline::current().map(|it| it.instant());
        let is_deadline = deadline
            .zip(own)
            .is_some_and(|(deadline, own)| deadline <= own);
        Patience {
            until: own.map(|own| deadline.map_or(own, |it| it.min(own))),
            is_deadline,
        }
    }

    /// Notifies the observer, if there is one.
    pub(super) fn notice(&self, event: Event) {
        if let Some(observer) = &self.observer {
            observer.noticed(&event);
        }
    }
}
