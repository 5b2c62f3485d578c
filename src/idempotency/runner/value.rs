//! Values of work as records.
//!
//! They are JSON, because the next version of a program has to read them: JSON
//! matches fields by name, and not by position.

use serde::{Serialize, de::DeserializeOwned};

use super::error::RunError;
use crate::idempotency::record::{Body, Record};

/// Returns the record of a value. If it cannot be serialized, the record only
/// says that the work was done.
pub(crate) fn record(value: &impl Serialize) -> Record {
    Record::Value(match serde_json::to_vec(value) {
        Ok(json) => Body::Kept(json.into()),
        Err(_) => Body::Omitted,
    })
}

/// Reads the value of a record.
pub(crate) fn read<T: DeserializeOwned, E>(record: Record) -> Result<T, RunError<E>> {
    let json = match record {
        Record::Value(Body::Kept(json)) => json,
        Record::Value(Body::Omitted) => return Err(RunError::Omitted),
        Record::Reply(_) => return Err(RunError::Unreadable(A_REPLY.into())),
    };
    serde_json::from_slice(&json).map_err(|error| RunError::Unreadable(error.into()))
}

/// The reason if HTTP and a runner share a name.
const A_REPLY: &str = "the record is an HTTP response";
