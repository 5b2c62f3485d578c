//! A simulation of clients and a service, in the virtual time of tokio's paused
//! clock. The requests pass through the real limits or layers; only the work
//! behind them and the clients are made up. The same seed gives the same run.

mod dice;
mod load;
mod report;
mod run;
mod service;

pub use self::{
    dice::Dice,
    load::{Arrival, Class},
    report::{Outcome, Report},
    run::{run, through},
    service::Service,
};
