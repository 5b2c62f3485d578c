//! What a service promises its callers, and how much of it is kept.

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
