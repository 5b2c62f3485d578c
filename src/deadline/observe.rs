//! What became of deadlines, for those who count.

use std::{
    fmt,
    iter::Sum,
    ops::Add,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Is told of every request under a layer of this module. This is where metrics
/// attach.
///
/// It is called on the path of a request, so it should be quick. [`Counts`] is
/// one that counts.
pub trait Observe: fmt::Debug + Send + Sync + 'static {
    /// Something was noticed.
    fn noticed(&self, event: &Event);
}

/// Something that was noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A request came in with so much time left; `None` is no deadline.
    Entered(Option<Duration>),
    /// It asked for more time than it is given.
    Clamped,
    /// A timeout that it brought along could not be read.
    Malformed,
    /// It was refused at once, for too little was left.
    Rejected,
    /// It would have been refused at once, but too many were already.
    Spared,
    /// Its time was over at this stage.
    Exceeded(Stage),
}

/// How far a request had come when its time was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Before there was an answer's head.
    Handler,
    /// In the body of the answer.
    Body,
    /// In a call to somebody else, before or after it was sent.
    Client,
}

impl Stage {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Handler, Self::Body, Self::Client];

    /// Its name, as the label `stage` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Handler => "handler",
            Self::Body => "body",
            Self::Client => "client",
        }
    }
}

/// An observer that counts.
#[derive(Debug, Default)]
pub struct Counts {
    entered: AtomicU64,
    clamped: AtomicU64,
    malformed: AtomicU64,
    rejected: AtomicU64,
    spared: AtomicU64,
    exceeded: [AtomicU64; 3],
}

/// What [`Counts`] had counted at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// Requests that came in.
    pub entered: u64,
    /// Requests that asked for more time than they are given.
    pub clamped: u64,
    /// Timeouts that could not be read.
    pub malformed: u64,
    /// Requests refused at once.
    pub rejected: u64,
    /// Requests that would have been, but too many were already.
    pub spared: u64,
    /// Requests whose time was over before there was an answer's head.
    pub exceeded_in_handler: u64,
    /// Requests whose time was over in the body of the answer.
    pub exceeded_in_body: u64,
    /// Calls to others whose time was over.
    pub exceeded_in_client: u64,
}

impl Counts {
    /// All counts; each is exact, but they are not read in one instant.
    pub fn snapshot(&self) -> Snapshot {
        let [handler, body, client] = &self.exceeded;
        Snapshot {
            entered: self.entered.load(Relaxed),
            clamped: self.clamped.load(Relaxed),
            malformed: self.malformed.load(Relaxed),
            rejected: self.rejected.load(Relaxed),
            spared: self.spared.load(Relaxed),
            exceeded_in_handler: handler.load(Relaxed),
            exceeded_in_body: body.load(Relaxed),
            exceeded_in_client: client.load(Relaxed),
        }
    }
}

impl Snapshot {
    /// How many requests, or calls to others, had no time left at this stage.
    pub fn exceeded(&self, stage: Stage) -> u64 {
        match stage {
            Stage::Handler => self.exceeded_in_handler,
            Stage::Body => self.exceeded_in_body,
            Stage::Client => self.exceeded_in_client,
        }
    }
}

impl Add for Snapshot {
    type Output = Self;

    fn add(self, others: Self) -> Self {
        Self {
            entered: self.entered + others.entered,
            clamped: self.clamped + others.clamped,
            malformed: self.malformed + others.malformed,
            rejected: self.rejected + others.rejected,
            spared: self.spared + others.spared,
            exceeded_in_handler: self.exceeded_in_handler + others.exceeded_in_handler,
            exceeded_in_body: self.exceeded_in_body + others.exceeded_in_body,
            exceeded_in_client: self.exceeded_in_client + others.exceeded_in_client,
        }
    }
}

impl Sum for Snapshot {
    fn sum<I: Iterator<Item = Self>>(snapshots: I) -> Self {
        snapshots.fold(Self::default(), Self::add)
    }
}

impl Observe for Counts {
    fn noticed(&self, event: &Event) {
        let [handler, body, client] = &self.exceeded;
        let count = match event {
            Event::Entered(_) => &self.entered,
            Event::Clamped => &self.clamped,
            Event::Malformed => &self.malformed,
            Event::Rejected => &self.rejected,
            Event::Spared => &self.spared,
            Event::Exceeded(Stage::Handler) => handler,
            Event::Exceeded(Stage::Body) => body,
            Event::Exceeded(Stage::Client) => client,
        };
        count.fetch_add(1, Relaxed);
    }
}
