//! Holds calls back as the servers that they go to want.
//!
//! # How it works
//!
//! For each peer, the layer mirrors the quotas that its responses tell
//! ([`advice`](super::advice)): what is left, less the calls under way that the
//! report may not include. A call is sent if every quota of its peer has room.
//! Otherwise it waits in a line, first come, first served.
//!
//! | the server says | calls |
//! |---|---|
//! | some calls are left, more come in `t` seconds | are spread over that time |
//! | nothing is left | wait until there is more |
//! | 429, 503 or gRPC status 8 or 14 with a time | wait for that time, then one call finds out |
//! | nothing about quotas | are sent at once |
//! | nothing yet | wait for the response to the first call, for at most a second |
//!
//! A call of its own that is a window old is off the count of the server, and after
//! two windows by any of the usual rules. So the layer also knows from its own
//! calls when a quota is back, unless other clients use it.
//!
//! A server rounds its times to whole seconds. From the reports, the mirror also
//! learns how long it really takes until there is more, so that it does not
//! waste the rest of a second, and whether other clients use the same quota. If
//! they do, it finds its share: each client steers by how much is left, with
//! enough in reserve that they seldom collide.
//!
//! # Example
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! use http::{Request, Response};
//! use sluicegate::client::obey::ObeyLayer;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! let server = service_fn(|_: Request<String>| async {
//!     let response = Response::builder()
//!         .header("ratelimit-policy", r#""default";q=10;w=60"#)
//!         .header("ratelimit", r#""default";r=0;t=60"#);
//!     Ok::<_, std::convert::Infallible>(response.body(String::new()).unwrap())
//! });
//! let client = ObeyLayer::new().layer(server);
//! let call = || client.clone().oneshot(Request::new(String::new()));
//! assert_eq!(call().await.unwrap().status(), 200);
//! // Nothing is left for a minute, and calls wait for 30 seconds at most.
//! assert_eq!(call().await.unwrap().status(), 429);
//! # }
//! ```
//!
//! # What it does not trust
//!
//! No header causes a longer pause than the [cap](ObeyLayer::cap). After it, one
//! call finds out more. If that call passes although the server said that
//! nothing would be left, the quota is ignored for as long as the cap.
//!
//! Several quotas of one peer all count. Of several partitions of one quota
//! (`pk`), the one with room counts, because a call's partition is not known
//! before its response; set [`peer`](ObeyLayer::peer) to keep them apart.
//!
//! # Readiness and cancellation
//!
//! Readiness is the inner service's. A call that is dropped while it waits
//! leaves its place to the next one. A call that is dropped after it was sent
//! counts as one that the server has seen.
//!
//! The layer belongs inside a retry layer, which sees its refusals as local and
//! does not retry them. It measures time by tokio's clock, which does not jump.

mod call;
pub mod future;
mod layer;
mod line;
mod mirror;
mod observe;
mod peer;
mod reply;
mod service;
mod settings;
mod under_way;

pub use self::{
    layer::ObeyLayer,
    observe::{Counts, Event, Observe, Snapshot},
    service::Obey,
};
