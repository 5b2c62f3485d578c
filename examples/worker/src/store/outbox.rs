//! Writes rows of the outbox, whose keys are those of the requests.

use sqlx::{Any, Executor, Row, Transaction};

use super::open::Store;
use crate::{
    event::{Content, Kind, Progress},
    time,
};

/// A request with an idempotency key.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The digest of the key and its scope.
    pub(crate) name: String,
    /// The digest of the request, to recognise a key that is used again for
    /// another one.
    pub(crate) fingerprint: String,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// It is in the outbox under this id.
    New(i64),
    /// It was accepted before, under this id.
    Known(i64),
    /// The key was used for another request.
    KeyReused,
}

/// A row of the outbox that is to be written.
pub(super) struct NewEvent<'a> {
    pub(super) request: &'a Request,
    pub(super) kind: Kind,
    pub(super) order: Option<i64>,
    pub(super) content: &'a Content,
    pub(super) deadline: Option<&'a (String, i64)>,
}

/// Writes an event, unless its key is known.
pub(super) async fn insert(
    transaction: &mut Transaction<'_, Any>,
    event: &NewEvent<'_>,
) -> Result<Accepted, sqlx::Error> {
    let content = serde_json::to_string(event.content);
    let progress = Progress::accepted(time::now());
    let insert = "INSERT INTO outbox (name, fingerprint, kind, order_id, content, state, \
        attempts, takes, round, due, deadline, expires) \
        VALUES ($1, $2, $3, $4, $5, $6, 0, 0, 0, $7, $8, $9) \
        ON CONFLICT (name) DO NOTHING RETURNING id";
    let new = sqlx::query_scalar(insert)
        .bind(&event.request.name)
        .bind(&event.request.fingerprint)
        .bind(event.kind.code())
        .bind(event.order)
        .bind(content.map_err(|error| sqlx::Error::Encode(error.into()))?)
        .bind(progress.state.code())
        .bind(progress.due)
        .bind(event.deadline.map(|(id, _)| id.as_str()))
        .bind(event.deadline.map(|(_, expires)| *expires))
        .fetch_optional(&mut **transaction)
        .await?;
    match new {
        Some(id) => Ok(Accepted::New(id)),
        None => known(&mut **transaction, event.request)
            .await?
            .ok_or(sqlx::Error::RowNotFound),
    }
}

/// Returns the answer to a request whose key is known; `None` if it is new.
async fn known<'e>(
    executor: impl Executor<'e, Database = Any>,
    request: &Request,
) -> Result<Option<Accepted>, sqlx::Error> {
    let find = sqlx::query("SELECT id, fingerprint FROM outbox WHERE name = $1");
    let find = find.bind(&request.name);
    let Some(row) = find.fetch_optional(executor).await? else {
        return Ok(None);
    };
    let fingerprint: String = row.try_get("fingerprint")?;
    Ok(Some(match fingerprint == request.fingerprint {
        true => Accepted::Known(row.try_get("id")?),
        false => Accepted::KeyReused,
    }))
}

impl Store {
    /// Returns the answer to a request that was accepted before; `None` if it was not.
    pub(crate) async fn known(&self, request: &Request) -> Result<Option<Accepted>, sqlx::Error> {
        known(&self.read, request).await
    }
}
