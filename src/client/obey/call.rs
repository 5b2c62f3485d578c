//! One call: whether it may be sent, and what is learned from its response.

use std::{fmt, sync::Arc, task::Waker, time::Duration};

use http::{HeaderMap, Response};
use tokio::time::Instant;

use super::{
    line::Place,
    observe::Event,
    peer::Peer,
    reply::Reply,
    settings::{ObeySettings, Patience},
};
use crate::{
    client::peers::SharedPeer,
    limit::{Decision, Others, Verdict},
    refusal::Refusal,
    sync::lock,
};

/// The name of the limit in refusals of this layer.
const LIMIT: &str = "peer";

/// Decides about calls to one peer.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) peer: SharedPeer<Peer>,
    pub(super) settings: Arc<ObeySettings>,
}

/// The decision about a call.
pub(super) enum Entry {
    /// It is sent now.
    Pass(Sent),
    /// It has a place in the line.
    Wait(WaitingCall),
    Refuse(Refusal),
}

/// A call that has a place in the line. When it is dropped, it gives the place
/// up.
pub(super) struct WaitingCall {
    gate: Gate,
    place: Place,
    pub(super) patience: Patience,
    since: Instant,
}

/// The next step of a waiting call.
pub(super) enum Next {
    /// It sleeps until then, or until it is woken.
    Sleep(Instant),
    Pass(Sent),
    Refuse(Refusal),
}

/// A call that was sent. When it is dropped before its response, it counts as
/// one that the server may have seen.
pub(super) struct Sent {
    gate: Gate,
    call: Option<u64>,
}

impl Gate {
    /// Decides about a call at its arrival.
    pub(super) fn enter(self, now: Instant) -> Entry {
        let patience = self.settings.patience(now);
        let mut peer = lock(&self.peer);
        let ready_at = peer.ready_at(now);
        let is_free = peer.line.is_empty() && ready_at <= now;
        if is_free || self.settings.shadow {
            let event = if is_free {
                Event::Passed
            } else {
                Event::Shadowed
            };
            let call = Some(peer.send(now));
            drop(peer);
            self.settings.notice(event);
            return Entry::Pass(Sent { gate: self, call });
        }
        let is_full = peer.line.len() >= self.settings.wait.max_queue();
        let in_time = patience.until.is_some_and(|until| ready_at <= until);
        if is_full || !in_time {
            drop(peer);
            return Entry::Refuse(self.refuse(patience, !is_full, ready_at - now));
        }
        let place = peer.join();
        drop(peer);
        Entry::Wait(WaitingCall {
            gate: self,
            place,
            patience,
            since: now,
        })
    }

    fn refuse(&self, patience: Patience, is_late: bool, retry: Duration) -> Refusal {
        if is_late && patience.is_deadline {
            self.settings.notice(Event::DeadlinePassed);
            return Refusal::deadline_exceeded();
        }
        self.settings.notice(Event::Refused);
        let retry = retry.max(Duration::from_millis(1));
        let decision = Decision::new(Verdict::Deny, 1, 0, Some(retry), retry);
        Refusal::over_limit(LIMIT.into(), decision, Others::default())
    }
}

impl WaitingCall {
    /// Returns what to do now. The waker is kept until the call is the first in
    /// the line, or something has changed for the first.
    pub(super) fn next(&self, waker: &Waker, now: Instant) -> Next {
        let mut peer = lock(&self.gate.peer);
        let until = self.patience.until.unwrap_or(now);
        let ready_at = peer.ready_at(now);
        let is_first = peer.line.is_first(self.place);
        if is_first && ready_at <= now {
            let call = Some(peer.send(now));
            drop(peer);
            let waited = now.saturating_duration_since(self.since);
            self.gate.settings.notice(Event::Held(waited));
            return Next::Pass(Sent {
                gate: self.gate.clone(),
                call,
            });
        }
        if until <= now || (is_first && until < ready_at) {
            drop(peer);
            return Next::Refuse(self.gate.refuse(self.patience, true, ready_at - now));
        }
        peer.line.register(self.place, waker);
        Next::Sleep(if is_first { ready_at } else { until })
    }
}

impl Drop for WaitingCall {
    fn drop(&mut self) {
        let next = lock(&self.gate.peer).line.leave(self.place);
        // Outside of the lock, because the waker may run code.
        next.into_iter().for_each(Waker::wake);
    }
}

impl Sent {
    /// Learns from the response. Returns the gate, for its trailers.
    pub(super) fn answered<B>(mut self, response: &Response<B>, now: Instant) -> Option<Gate> {
        let reply = Reply::of(response)?;
        let gate = self.gate.clone();
        gate.notice(&reply);
        if let Some(call) = self.call.take() {
            let next = lock(&gate.peer).learn(call, &reply, now);
            next.into_iter().for_each(Waker::wake);
        }
        Some(gate)
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        if let Some(call) = self.call.take() {
            let next = lock(&self.gate.peer).abandon(call, Instant::now());
            next.into_iter().for_each(Waker::wake);
        }
    }
}

impl Gate {
    /// Learns from the trailers of a response.
    pub(super) fn trailed(&self, trailers: &HeaderMap, now: Instant) {
        if let Some(reply) = Reply::of_trailers(trailers) {
            self.notice(&reply);
            let next = lock(&self.peer).learn_late(&reply, now);
            next.into_iter().for_each(Waker::wake);
        }
    }

    fn notice(&self, reply: &Reply) {
        if reply.is_refused {
            self.settings.notice(Event::ServerRefused);
        }
        if reply.pause.is_some_and(|it| it > self.settings.cap) {
            self.settings.notice(Event::Capped);
        }
    }
}

impl fmt::Debug for Gate {
    debug_opaque!(Gate);
}
