//! Service level objectives: what a service promises its callers, how much of
//! its error budget is left, and when to alert.
//!
//! An [`Slo`] sorts completions into [classes](sli_class). The registry keeps a
//! [history](history) of the counts, from which a [report](report) tells how
//! fast the budget [burns](burn) and which [alerts](alert) fire.

mod alert;
mod burn;
mod error_budget;
mod events;
mod history;
mod report;
mod sli_class;
mod slo;
mod tracked;

pub(super) use self::tracked::{Objectives, TrackedObjectives};
pub use self::{
    alert::{Alert, Severity},
    burn::Burn,
    error_budget::ErrorBudget,
    events::Events,
    report::SloReport,
    slo::Slo,
};
