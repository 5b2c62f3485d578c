//! How a deadline travels: as the time that is left, for clocks differ.
//!
//! | header | form | who |
//! |---|---|---|
//! | `grpc-timeout` | 1 to 8 digits and a unit of `H M S m u n` | [gRPC](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md) |
//! | `x-envoy-expected-rq-timeout-ms` | digits, milliseconds | Envoy |
//! | `x-request-timeout`, `request-timeout` | a decimal number and a unit of `h m s ms us ns`; seconds without one | custom |
//!
//! What is written is rounded down, so that nobody is told of more time than
//! there is; what is read is kept to the nanosecond, rounded down too.

use std::{error::Error, fmt};

mod decimal;
mod grpc;

pub use self::{
    decimal::{read_millis, read_timeout, write_millis, write_timeout},
    grpc::{read_grpc, write_grpc},
};

/// A value that is no timeout: which header, and what is allowed in it.
///
/// The value itself is the peer's, and not repeated.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Malformed {
    allowed: &'static str,
}

impl Malformed {
    const fn new(allowed: &'static str) -> Self {
        Self { allowed }
    }

    /// What is allowed instead.
    pub fn allowed(&self) -> &'static str {
        self.allowed
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the value is no timeout: allowed is {}", self.allowed)
    }
}

impl fmt::Debug for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Malformed({self})")
    }
}

impl Error for Malformed {}
