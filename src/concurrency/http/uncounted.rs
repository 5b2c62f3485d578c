//! The mark of a response whose duration says nothing about the load.

/// Marks a response that an adaptive limit learns nothing from, whatever
/// becomes of it. Put it among the extensions of the response.
///
/// It is for responses that last as long as their caller likes: long polls,
/// downloads at the speed of the client, and streams that the layer does not
/// take for one. The response has its permit to its end all the same.
///
/// ```
/// use axum::{Extension, body::Body};
/// use sluicegate::concurrency::Uncounted;
///
/// async fn export() -> (Extension<Uncounted>, Body) {
///     (Extension(Uncounted), Body::from("as long as it takes"))
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(export));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uncounted;
