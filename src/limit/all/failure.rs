//! Why several limits have no decision together: because one of them has none.

use std::{convert::Infallible, fmt};

#[cfg(not(feature = "redis"))]
pub(super) type Fault = Infallible;
#[cfg(feature = "redis")]
pub(super) type Fault = crate::redis::Error;

/// The error of a limiter, which may stand beside others.
///
/// Sealed: no error at all, or Redis's.
pub trait Failure: Into<crate::refusal::BoxError> + fmt::Debug + Send + 'static {
    /// The error of this and another limiter together.
    type Or<E: Failure>: Failure;

    /// Whether there can be one.
    const FAILS: bool;

    fn of(fault: Fault) -> Self;
}

impl Failure for Infallible {
    type Or<E: Failure> = E;

    const FAILS: bool = false;

    #[cfg(feature = "redis")]
    fn of(fault: Fault) -> Self {
        unreachable!("none of these limiters fails, and yet: {fault}")
    }

    #[cfg(not(feature = "redis"))]
    fn of(fault: Fault) -> Self {
        fault
    }
}

#[cfg(feature = "redis")]
impl Failure for crate::redis::Error {
    type Or<E: Failure> = Self;

    const FAILS: bool = true;

    fn of(fault: Fault) -> Self {
        fault
    }
}
