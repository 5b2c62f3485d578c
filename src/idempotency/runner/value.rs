//! Values as records.
//!
//! They are JSON, for a value that one version of a program wrote is read by the
//! next: names are compared, and not only places.

use serde::{Serialize, de::DeserializeOwned};

use super::error::RunError;
use crate::idempotency::record::{Body, Record};

/// A value that cannot be written is not kept, but that there was one is.
pub(crate) fn record(value: &impl Serialize) -> Record {
    Record::Value(match serde_json::to_vec(value) {
        Ok(json) => Body::Kept(json.into()),
        Err(_) => Body::Omitted,
    })
}

pub(crate) fn read<T: DeserializeOwned, E>(record: Record) -> Result<T, RunError<E>> {
    let json = match record {
        Record::Value(Body::Kept(json)) => json,
        Record::Value(Body::Omitted) => return Err(RunError::Omitted),
        Record::Reply(_) => return Err(RunError::Unreadable(A_REPLY.into())),
    };
    serde_json::from_slice(&json).map_err(|error| RunError::Unreadable(error.into()))
}

const A_REPLY: &str = "the record is an answer of HTTP";
