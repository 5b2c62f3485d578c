//! One call: whether it is sent, and whether the server accepted it.

use std::sync::Arc;

use http::Response;
use tokio::time::Instant;

use super::{observe::Event, settings::ThrottleSettings, verdict::Verdict, window::CallWindow};
use crate::{
    client::{body::AtEnd, peers::SharedPeer},
    criticality::Criticality,
    deadline::{self, Deadline},
    sync::lock,
};

/// A call that was sent. When it is dropped before its response, it counts as
/// rejected if its deadline has passed, and not at all if its caller gave up.
pub(super) struct PendingCall {
    peer: SharedPeer<CallWindow>,
    settings: Arc<ThrottleSettings>,
    level: Criticality,
    /// Whether the call has been counted.
    is_settled: bool,
    deadline: Option<Deadline>,
}

impl PendingCall {
    /// Begins a call; `None` if it is refused. Only a refusal is counted now: calls
    /// under way say nothing about the server, however many there are.
    pub(super) fn begin(
        peer: SharedPeer<CallWindow>,
        settings: &Arc<ThrottleSettings>,
        level: Criticality,
        now: Instant,
    ) -> Option<Self> {
        let mut window = lock(&peer);
        let refuses = settings.refuses(window.counts(level, now));
        if refuses && !settings.shadow {
            window.count(level, false, now);
        }
        drop(window);
        settings.notice(event(refuses, settings.shadow), level);
        let is_sent = !refuses || settings.shadow;
        is_sent.then(|| Self {
            peer,
            settings: settings.clone(),
            level,
            is_settled: false,
            deadline: deadline::current(),
        })
    }

    /// Counts the response. Returns what to do at its end, if that tells more.
    pub(super) fn answered<B>(mut self, response: &Response<B>) -> Option<AtEnd> {
        let verdict = Verdict::of(response);
        if verdict != Verdict::InTrailers {
            self.settle(verdict);
            return None;
        }
        Some(AtEnd::new(move |trailers| {
            // A body that is dropped before its trailers was tried.
            let verdict = trailers.map_or(Verdict::Accepted, Verdict::of_fields);
            self.settle(verdict);
        }))
    }

    /// Counts a failure of the transport.
    pub(super) fn failed(mut self) {
        self.settle(Verdict::Rejected);
    }

    fn settle(&mut self, verdict: Verdict) {
        if std::mem::replace(&mut self.is_settled, true) || verdict == Verdict::Local {
            return;
        }
        let is_accepted = verdict == Verdict::Accepted;
        lock(&self.peer).count(self.level, is_accepted, Instant::now());
        let event = match is_accepted {
            true => Event::Accepted,
            false => Event::Rejected,
        };
        self.settings.notice(event, self.level);
    }
}

impl Drop for PendingCall {
    fn drop(&mut self) {
        let is_late = self.deadline.is_some_and(|it| it.is_expired());
        self.settle(match is_late {
            true => Verdict::Rejected,
            false => Verdict::Local,
        });
    }
}

fn event(refuses: bool, shadow: bool) -> Event {
    match (refuses, shadow) {
        (false, _) => Event::Passed,
        (true, true) => Event::Shadowed,
        (true, false) => Event::Refused,
    }
}
