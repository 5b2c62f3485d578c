//! The pipeline: events go through three stages, each with a bounded channel and a
//! pool of its own.
//!
//! ```text
//! outbox ─► dispatch ─► [channel] prepare ─► [channel] charge ─► [channel] settle ─► books
//! ```
//!
//! `prepare` looks at the deadline, `charge` calls the provider once for each event,
//! and `settle` completes events in the database. A full channel stops the stage
//! before it, and in the end `dispatch`, so that events wait in the outbox.

mod backlog;
mod charge;
mod context;
mod deadlines;
mod dispatch;
mod gauges;
mod insist;
mod pool;
mod prepare;
mod run;
mod settle;

pub(crate) use self::{
    backlog::{Backlog, Reserved},
    context::{Context, Policy},
    gauges::{Counters, Depths, Stage},
    run::{Channels, Sizes, start},
};
