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

mod decimal;
mod grpc;
mod malformed;

pub(super) use self::malformed::duration;
pub use self::{
    decimal::{read_millis, read_timeout, write_millis, write_timeout},
    grpc::{read_grpc, write_grpc},
    malformed::Malformed,
};
