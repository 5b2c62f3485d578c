//! One server that is called: its quotas, the pause that it asked for, and the
//! calls that wait.

use std::{task::Waker, time::Duration};

use tokio::time::Instant;

use super::{
    line::{Line, Place},
    mirror::{Mirror, Report},
    reply::Reply,
    settings::ObeySettings,
    under_way::UnderWay,
};
use crate::random_bits::RandomBits;

/// The most quotas of one peer. Later ones are not obeyed.
const MAX_MIRRORS: usize = 16;

/// The knowledge of a peer.
#[derive(Debug)]
enum Knowledge {
    /// Nothing. One call is sent to find out.
    None,
    /// One call is under way to find out. The others wait for it, but no longer
    /// than until then.
    Asked { until: Instant },
    /// It has answered.
    Some,
}

/// The state of a peer. Its lock is held for the length of a method.
#[derive(Debug)]
pub(super) struct Peer {
    mirrors: Vec<Mirror>,
    knowledge: Knowledge,
    /// No call is sent before, because the server said so.
    paused_until: Option<Instant>,
    pub(super) line: Line,
    calls: UnderWay,
    cap: Duration,
    first_answer: Duration,
    random: RandomBits,
}

impl Peer {
    pub(super) fn new(settings: &ObeySettings) -> Self {
        Self {
            mirrors: Vec::new(),
            knowledge: Knowledge::None,
            paused_until: None,
            line: Line::default(),
            calls: UnderWay::default(),
            cap: settings.cap,
            first_answer: settings.first_answer,
            random: settings.random.clone(),
        }
    }

    /// Returns the earliest time at which the first call of the line may be
    /// sent.
    pub(super) fn ready_at(&mut self, now: Instant) -> Instant {
        self.forget(now);
        let asked = match self.knowledge {
            Knowledge::Asked { until } => until,
            _ => now,
        };
        let paused = self.paused_until.unwrap_or(now);
        let quotas = self
            .mirrors
            .iter()
            .map(|it| self.quota_ready_at(it.name(), now));
        quotas.fold(asked.max(paused), Instant::max)
    }

    /// Returns when a quota of this name has room. Which partition of it a call
    /// belongs to is not known before its response, so the first one counts.
    fn quota_ready_at(&self, name: &str, now: Instant) -> Instant {
        let same = self.mirrors.iter().filter(|it| it.name() == name);
        same.map(|it| it.ready_at(now)).min().unwrap_or(now)
    }

    /// Drops what is out of date. After a whole window without a call, nothing
    /// is known, and one call finds out again.
    fn forget(&mut self, now: Instant) {
        let is_limited = !self.mirrors.is_empty();
        self.mirrors.retain(|it| !it.is_stale(now));
        if is_limited && self.mirrors.is_empty() {
            self.knowledge = Knowledge::None;
        }
        if self.paused_until.is_some_and(|until| until <= now) {
            self.paused_until = None;
        }
    }

    /// Sends a call. Returns its number.
    pub(super) fn send(&mut self, now: Instant) -> u64 {
        match self.knowledge {
            Knowledge::None => {
                let until = now + self.first_answer.min(self.cap);
                self.knowledge = Knowledge::Asked { until };
            }
            Knowledge::Asked { until } if until <= now => self.knowledge = Knowledge::Some,
            _ => {}
        }
        self.mirrors.iter_mut().for_each(|it| it.take(now));
        self.calls.send(now)
    }

    /// Takes a place in the line.
    pub(super) fn join(&mut self) -> Place {
        self.line.join()
    }

    /// Learns from the response to a call. Returns who is to be woken.
    #[must_use]
    pub(super) fn learn(&mut self, call: u64, reply: &Reply, now: Instant) -> Option<Waker> {
        let sent = self.calls.end(call)?;
        self.calls.took(now.saturating_duration_since(sent));
        self.mirrors.iter_mut().for_each(|it| it.settle(call, now));
        self.knowledge = Knowledge::Some;
        self.pause(reply, now);
        let under_way = self.calls.beside(sent);
        for advice in &reply.quotas {
            let report = Report {
                advice,
                call,
                next: self.calls.next(),
                sent,
                is_refused: reply.is_refused,
                under_way,
            };
            self.report(&report, now);
        }
        self.line.wake_first()
    }

    fn report(&mut self, report: &Report<'_>, now: Instant) {
        let known = self.mirrors.iter_mut().find(|it| it.is_of(report.advice));
        let is_new = known.is_none() && report.advice.remaining().is_some();
        if let Some(mirror) = known {
            mirror.learn(report, &self.random, now);
        } else if is_new && self.mirrors.len() < MAX_MIRRORS {
            self.mirrors.push(Mirror::new(report, self.cap, now));
        }
    }

    /// Obeys the pause that a refusal asks for. The next call after it finds
    /// out whether it was long enough.
    fn pause(&mut self, reply: &Reply, now: Instant) {
        if let Some(pause) = reply.pause {
            let until = now + pause.min(self.cap);
            self.paused_until = self.paused_until.max(Some(until));
            self.knowledge = Knowledge::None;
        }
    }

    /// Learns from trailers, which come after the response.
    #[must_use]
    pub(super) fn learn_late(&mut self, reply: &Reply, now: Instant) -> Option<Waker> {
        self.pause(reply, now);
        self.line.wake_first()
    }

    /// Ends a call that has no response. The server may have counted it.
    #[must_use]
    pub(super) fn abandon(&mut self, call: u64, now: Instant) -> Option<Waker> {
        self.calls.end(call)?;
        if let Knowledge::Asked { .. } = self.knowledge {
            self.knowledge = Knowledge::None;
        }
        for mirror in &mut self.mirrors {
            mirror.settle(call, now);
            mirror.assume_counted(call);
        }
        self.line.wake_first()
    }
}
