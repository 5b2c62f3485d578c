//! The error of several limits: that of the one that could not decide.

use std::{convert::Infallible, fmt};

/// The error of any member.
#[cfg(not(feature = "redis"))]
pub(crate) type MemberError = Infallible;
#[cfg(feature = "redis")]
pub(crate) type MemberError = crate::redis::Error;

/// The error of a limiter that can be one of several.
///
/// Sealed: [`Infallible`], or that of Redis.
pub trait Failure: Into<crate::refusal::BoxError> + fmt::Debug + Send + 'static {
    /// The error of this and another limiter together.
    type Or<E: Failure>: Failure;

    /// Whether such an error can happen.
    const FAILS: bool;

    /// Converts the error of a member. Not called for a type that cannot fail.
    fn of(error: MemberError) -> Self;
}

impl Failure for Infallible {
    type Or<E: Failure> = E;

    const FAILS: bool = false;

    fn of(error: MemberError) -> Self {
        unreachable!("none of these limiters can fail, but one did: {error}")
    }
}

#[cfg(feature = "redis")]
impl Failure for crate::redis::Error {
    type Or<E: Failure> = Self;

    const FAILS: bool = true;

    fn of(error: MemberError) -> Self {
        error
    }
}
