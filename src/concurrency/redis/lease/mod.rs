//! The lease of an instance, without the calls that it takes.
//!
//! [`Lease`] plans what to ask for, by the [`demand`] and its [`terms`], and says how
//! many permits may be used at an instant. [`outage`] says how many without a lease.

mod demand;
mod lease;
mod outage;
mod terms;
#[cfg(test)]
mod tests;

pub use self::outage::OnOutage;
pub(super) use self::{
    lease::Lease,
    terms::{LeaseTerms, LoadSample},
};
