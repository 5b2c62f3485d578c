//! Accepts orders, and shows them.

use axum::{
    Json,
    extract::{
        Path, State,
        rejection::{JsonRejection, PathRejection},
    },
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use sluicegate::idempotency::Fingerprint;

use super::{admission::Admission, keys, problem::Problem, state::App};
use crate::{
    event::Content,
    store::{Accepted, Found, NewOrder},
};

/// The longest item, in bytes.
const MAX_ITEM_BYTES: usize = 100;

/// An order as a client sends it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Posted {
    item: String,
    cents: u32,
    /// How long the order may take until it is charged, in milliseconds.
    within_ms: Option<u64>,
}

/// The response to a request that is in the outbox.
#[derive(Debug, Serialize)]
struct Receipt {
    event: i64,
    order: i64,
}

/// `POST /orders`
pub(super) async fn place(
    State(app): State<App>,
    headers: HeaderMap,
    body: Result<Json<Posted>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(posted) = body?;
    posted.check()?;
    let request = keys::request(&headers, "/orders", posted.fingerprint())?;
    let accepted = match app.context.admit(&request).await? {
        Admission::Known(known) => known,
        Admission::New(reserved) => {
            let order = NewOrder {
                deadline: app.deadline(&request, posted.within_ms).await?,
                content: posted.into_content(),
                request,
            };
            app.write(order, reserved).await?
        }
    };
    match accepted {
        Accepted::New(id) => Ok(respond(id, id, false)),
        Accepted::Known(id) => Ok(respond(id, id, true)),
        Accepted::KeyReused => Err(keys::reused()),
    }
}

/// `GET /orders/{id}`
pub(super) async fn find(
    State(app): State<App>,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Json<Found>, Problem> {
    let Path(id) = id?;
    let found = app.context.store.find(id).await?;
    found.map(Json).ok_or_else(|| unknown(id))
}

/// Returns the problem of an order that does not exist.
pub(super) fn unknown(order: i64) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("there is no order {order}"))
}

/// Returns the response to a request that is in the outbox, now or since before.
pub(super) fn respond(event: i64, order: i64, is_replayed: bool) -> Response {
    let location = [(header::LOCATION, format!("/orders/{order}"))];
    let receipt = Json(Receipt { event, order });
    let mut response = (StatusCode::ACCEPTED, location, receipt).into_response();
    if is_replayed {
        let replayed = header::HeaderValue::from_static("true");
        response
            .headers_mut()
            .insert("idempotency-replayed", replayed);
    }
    response
}

impl Posted {
    fn check(&self) -> Result<(), Problem> {
        let length = self.item.len();
        match (1..=MAX_ITEM_BYTES).contains(&length) {
            true => Ok(()),
            false => {
                let detail = format!("invalid item of {length} bytes: must be 1 to 100 bytes");
                Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail))
            }
        }
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::builder()
            .part(&self.item)
            .part(self.cents.to_be_bytes())
            .optional(self.within_ms.map(u64::to_be_bytes))
            .finish()
    }

    fn into_content(self) -> Content {
        let Self { item, cents, .. } = self;
        Content { item, cents }
    }
}
