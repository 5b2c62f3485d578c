//! The parts of a pattern of traffic.

use sluicegate::clock::Tick;

use crate::results::Traffic;

/// A millisecond, in ticks.
pub(super) const MS: Tick = 1_000;

/// A second, in ticks.
pub(super) const SECOND: Tick = 1_000 * MS;

/// The length of a bin of the plots.
const BIN: Tick = SECOND;

/// A pattern of traffic.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// The names of the pattern, and who takes part.
    pub traffic: Traffic,
    /// The requests, in the order of their times. Clients with
    /// [`Reaction::Continue`] have one, and make the others themselves.
    pub requests: Vec<Request>,
    /// The reaction of clients to their answers.
    pub reaction: Reaction,
}

/// A request, when it is made for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    /// The instant, from the beginning of the traffic.
    pub at: Tick,
    /// The client that makes it.
    pub client: u32,
}

/// The reaction of clients to their answers.
#[derive(Clone, Debug)]
pub enum Reaction {
    /// They take a refusal for an answer.
    GiveUp,
    /// They retry after a pause of their own.
    Retry {
        /// The pause.
        pause: Tick,
        /// The most attempts for one request.
        attempts: u32,
    },
    /// They retry after the time that the refusal names.
    Obey {
        /// The pause, if the refusal names no time.
        pause: Tick,
        /// The most attempts for one request.
        attempts: u32,
    },
    /// They make the next request only after the answer to the last one.
    Continue {
        /// The time from the passing of a request until its answer is there.
        service: Tick,
        /// The pauses between an answer and the next request, in turn.
        thinking: Vec<Tick>,
    },
}

/// How long traffic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// A minute: the report.
    Full,
    /// A third of that, for tests.
    Quick,
}

impl Scale {
    /// Returns the length of the traffic.
    pub fn duration(self) -> Tick {
        match self {
            Self::Full => 60 * SECOND,
            Self::Quick => 20 * SECOND,
        }
    }
}

impl Pattern {
    /// One client that takes a refusal for an answer.
    pub(super) fn new(scale: Scale, id: &str, title: &str, about: &str) -> Self {
        let traffic = Traffic {
            id: id.to_owned(),
            title: title.to_owned(),
            about: about.to_owned(),
            clients: 1,
            shared: true,
            duration_us: scale.duration(),
            bin_us: BIN,
        };
        Self {
            traffic,
            requests: Vec::new(),
            reaction: Reaction::GiveUp,
        }
    }

    /// Many clients, which share one bucket.
    pub(super) fn clients(mut self, clients: u32) -> Self {
        self.traffic.clients = clients;
        self
    }

    /// Gives each client a bucket of its own.
    pub(super) fn a_bucket_each(mut self) -> Self {
        self.traffic.shared = false;
        self
    }

    pub(super) fn reaction(self, reaction: Reaction) -> Self {
        Self { reaction, ..self }
    }

    /// Adds the requests within the length of the traffic, in their order.
    pub(super) fn requests(mut self, requests: impl IntoIterator<Item = Request>) -> Self {
        self.requests.extend(requests);
        let duration = self.traffic.duration_us;
        self.requests.retain(|request| request.at < duration);
        self.requests.sort_unstable();
        self
    }

    /// Returns the number of buckets.
    pub fn buckets(&self) -> usize {
        match self.traffic.shared {
            true => 1,
            false => self.traffic.clients as usize,
        }
    }

    /// Returns the bucket of a client.
    pub fn bucket(&self, client: u32) -> usize {
        match self.traffic.shared {
            true => 0,
            false => client as usize,
        }
    }
}
