//! Why a client's address cannot be read in the way that was asked for.

use std::{error::Error, fmt};

/// A setting that a [`ClientIp`](super::ClientIp) cannot have: the field, its
/// value, and what is allowed.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientIpError {
    field: &'static str,
    value: String,
    allowed: &'static str,
}

impl ClientIpError {
    pub(super) fn new(field: &'static str, value: &str, allowed: &'static str) -> Self {
        Self {
            field,
            value: value.to_owned(),
            allowed,
        }
    }

    /// The field that was refused: `header name`, `trusted network` or
    /// `NAT64 prefix`.
    pub fn field(&self) -> &str {
        self.field
    }

    /// The value that was refused.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What is allowed instead.
    pub fn allowed(&self) -> &str {
        self.allowed
    }
}

impl fmt::Display for ClientIpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            field,
            value,
            allowed,
        } = self;
        write!(f, "invalid {field} {value:?}: must be {allowed}")
    }
}

impl fmt::Debug for ClientIpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientIpError({self})")
    }
}

impl Error for ClientIpError {}
