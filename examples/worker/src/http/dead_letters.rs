//! Shows dead letters, and puts them back.

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::StatusCode,
};
use serde::{Deserialize, Serialize};

use super::{problem::Problem, state::App};
use crate::{
    event::Reason,
    pipeline::Context,
    store::{DeadLetter, PutBack},
};

/// The most dead letters of one page.
const MAX_PAGE: u32 = 1_000;

/// Which dead letters are meant.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    /// Those with ids above this.
    #[serde(default)]
    after: i64,
    #[serde(default = "hundred")]
    limit: u32,
    reason: Option<String>,
}

fn hundred() -> u32 {
    100
}

/// How many dead letters were put back.
#[derive(Debug, Serialize)]
pub(super) struct Moved {
    put_back: u64,
    /// Those of orders that were cancelled.
    refused: u64,
}

impl Page {
    fn reason(&self) -> Result<Option<Reason>, Problem> {
        let Some(code) = self.reason.as_deref() else {
            return Ok(None);
        };
        let known = Reason::ALL.map(Reason::code).join(", ");
        let invalid = || {
            let detail = format!("invalid reason {code}: must be one of {known}");
            Problem::new(StatusCode::BAD_REQUEST, detail)
        };
        Reason::from_code(code).map(Some).ok_or_else(invalid)
    }

    async fn read(&self, context: &Context) -> Result<Vec<DeadLetter>, Problem> {
        let (after, most) = (self.after, self.limit.min(MAX_PAGE));
        let letters = context.store.dead_letters(after, most, self.reason()?);
        Ok(letters.await?)
    }
}

/// `GET /dead-letters`
pub(super) async fn list(
    State(App { context, .. }): State<App>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Vec<DeadLetter>>, Problem> {
    let Query(page) = page?;
    page.read(&context).await.map(Json)
}

/// `POST /dead-letters/{event}/retry`
pub(super) async fn retry(
    State(App { context, .. }): State<App>,
    event: Result<Path<i64>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let Path(event) = event?;
    match put_back(&context, event).await? {
        PutBack::Done => Ok(StatusCode::ACCEPTED),
        PutBack::Refused => {
            let detail = format!("event {event} is no dead letter, or its order was cancelled");
            Err(Problem::new(StatusCode::CONFLICT, detail))
        }
    }
}

/// `POST /dead-letters/retry`: puts a page of them back.
pub(super) async fn retry_page(
    State(App { context, .. }): State<App>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Moved>, Problem> {
    let Query(page) = page?;
    let (mut done, mut refused) = (0, 0);
    for letter in page.read(&context).await? {
        match put_back(&context, letter.event).await? {
            PutBack::Done => done += 1,
            PutBack::Refused => refused += 1,
        }
    }
    Ok(Json(Moved {
        put_back: done,
        refused,
    }))
}

/// A dead letter that is put back is pending again, so it needs a place.
async fn put_back(context: &Context, event: i64) -> Result<PutBack, Problem> {
    let reserved = context.reserve()?;
    let done = context.store.put_back(event).await?;
    if done == PutBack::Done {
        reserved.written();
        context.wake.notify_one();
    }
    Ok(done)
}
