//! The state that all stages share.

use std::{sync::Arc, time::Duration};

use sluicegate::{
    deadline::Registry,
    drain::{Drain, Stage},
    red,
};
use tokio::sync::Notify;

use super::{backlog::Backlog, gauges::Gauges};
use crate::{event::Backoff, marks::Marks, provider::Provider, store::Store};

/// How events are treated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    /// How long an event or a mark is held without a sign of life.
    pub(crate) lease: Duration,
    /// How often an event is attempted.
    pub(crate) attempts: u32,
    /// The time between two attempts.
    pub(crate) backoff: Backoff,
    /// How long `prepare` and `settle` take on top, to see them at work.
    pub(crate) prepare_time: Duration,
    pub(crate) settle_time: Duration,
}

/// The parts of the worker. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) store: Store,
    pub(crate) marks: Marks,
    pub(crate) provider: Provider,
    pub(crate) deadlines: Registry,
    pub(crate) policy: Policy,
    pub(crate) gauges: Arc<Gauges>,
    pub(crate) backlog: Arc<Backlog>,
    /// Tells the dispatcher that an event may be due.
    pub(crate) wake: Arc<Notify>,
    /// Stops the pipeline: what is begun is finished, the rest given back.
    pub(crate) drain: Drain,
    /// Counts requests, refusals, and what the drain does.
    pub(crate) metrics: red::Registry,
}

impl Context {
    /// Returns whether nothing new is begun.
    pub(super) fn is_stopping(&self) -> bool {
        self.drain.stage() >= Stage::Draining
    }
}
