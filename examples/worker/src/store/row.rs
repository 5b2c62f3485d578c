//! Reads columns of rows.

use sqlx::{Row, any::AnyRow};

use crate::event::{Content, Kind, Progress, State};

/// Returns a number that is never negative.
pub(super) fn number(row: &AnyRow, column: &str) -> Result<u32, sqlx::Error> {
    let number: i64 = row.try_get(column)?;
    u32::try_from(number).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// Returns the progress of the event in this row.
pub(super) fn progress(row: &AnyRow) -> Result<Progress, sqlx::Error> {
    let (state, reason): (String, Option<String>) = (row.try_get("state")?, row.try_get("reason")?);
    let state = State::from_codes(&state, reason.as_deref());
    Ok(Progress {
        state: state.ok_or_else(|| malformed("a state"))?,
        attempts: number(row, "attempts")?,
        takes: number(row, "takes")?,
        round: number(row, "round")?,
        due: row.try_get("due")?,
    })
}

/// Returns what the event in this row wants.
pub(super) fn kind(row: &AnyRow) -> Result<Kind, sqlx::Error> {
    let kind: String = row.try_get("kind")?;
    Kind::from_code(&kind).ok_or_else(|| malformed("a kind"))
}

/// Returns what the event in this row is about.
pub(super) fn content(row: &AnyRow) -> Result<Content, sqlx::Error> {
    let content: String = row.try_get("content")?;
    serde_json::from_str(&content).map_err(|error| sqlx::Error::Decode(error.into()))
}

fn malformed(what: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("a row of the outbox has {what} that is unknown here").into())
}
