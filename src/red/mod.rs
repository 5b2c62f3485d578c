//! RED metrics: rate, errors and duration of requests, for every route.

mod body;
mod budget;
mod call;
mod classify;
mod durations;
pub mod future;
mod guard;
mod histogram;
mod labels;
mod layer;
mod mark;
mod methods;
mod outcome;
mod registry;
mod route;
mod series;
mod service;
mod snapshot;
mod span;
mod status;
mod table;
mod terms;
mod unwind;
mod verdict;

pub use self::{
    body::ResponseBody,
    call::{Call, CallFuture, CallLayer, Judge},
    classify::{Classify, Ended},
    durations::Durations,
    labels::{Kind, Labels, OTHER, OVERFLOW, UNMATCHED},
    layer::RedLayer,
    mark::{MarkRoute, MarkRouteLayer},
    methods::Methods,
    outcome::{Cause, Outcome},
    registry::{Builder, Registry},
    route::{Route, Template},
    service::Red,
    snapshot::{Completion, Series, Snapshot},
    status::Status,
};
