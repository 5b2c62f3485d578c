//! The trait that turns a refusal into a response or an error. The layers of
//! all modules call it.

use super::refusal::Refusal;
use crate::limit::{Decision, Other};

/// Turns a refusal into the response or the error that the caller gets, and may
/// mark the responses to admitted requests.
///
/// Implemented for [`Answer`](super::Answer), [`AsError`] and closures.
/// Implement it yourself to mark admitted responses in your own way:
///
/// ```
/// use http::{Request, Response, StatusCode};
/// use sluicegate::{limit::{Decision, Other}, refusal::{Refusal, Refuse}};
///
/// #[derive(Clone)]
/// struct Plain;
///
/// impl<A, E> Refuse<Request<A>, Response<String>, E> for Plain {
///     fn refuse(&self, refusal: Refusal, _: &Request<A>) -> Result<Response<String>, E> {
///         let mut response = Response::new(refusal.to_string());
///         *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
///         Ok(response)
///     }
///
///     fn marks(&self) -> bool {
///         true
///     }
///
///     fn mark(&self, _: &str, decision: &Decision, _: &[Other], res: &mut Response<String>) {
///         res.headers_mut().insert("x-remaining", decision.remaining().into());
///     }
/// }
/// ```
///
/// A layer with an answer that does not fit its service does not compile:
///
/// ```compile_fail,E0277
/// use sluicegate::limit::{Local, Quota, RateLimitLayer, TokenBucket};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// // An `Answer` makes an HTTP response. This service needs `AsError`.
/// let limiter = Local::direct(TokenBucket::new(Quota::per_second(10)));
/// let layer = RateLimitLayer::new(limiter);
/// let service = layer.layer(service_fn(|n: u32| async move {
///     Ok::<u32, sluicegate::refusal::BoxError>(n + 1)
/// }));
/// let _ = ServiceExt::oneshot(service, 1);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not make a `{Res}` of a refusal",
    label = "not a `Refuse` for this service",
    note = "an `Answer` makes an `http::Response` whose body implements `FromText`; for any other body \
            give the layer `.refuse_with(Answer::new().body(|json| ..))` or `.without_body()`, for a \
            service that is not HTTP `.refuse_with(AsError)`, whose error implements `From<Refusal>`, or \
            a closure: `.refuse_with(|refusal: Refusal, req: &Request| Ok(..))`"
)]
pub trait Refuse<Req, Res, Err> {
    /// Answers a request that was refused.
    ///
    /// # Errors
    ///
    /// If a refusal becomes an error, as with [`AsError`]. An
    /// [`Answer`](super::Answer) never fails.
    fn refuse(&self, refusal: Refusal, req: &Req) -> Result<Res, Err>;

    /// Returns whether [`mark`](Self::mark) does anything. If not, the layer
    /// does not keep the decision until the response arrives.
    fn marks(&self) -> bool {
        false
    }

    /// Tells the caller of an admitted request what is left of its quota. `others`
    /// are the other limits of an [`All`](crate::limit::All), and empty for a single
    /// limit.
    fn mark(&self, limiter: &str, decision: &Decision, others: &[Other], res: &mut Res) {
        let _ = (limiter, decision, others, res);
    }
}

impl<F, Req, Res, Err> Refuse<Req, Res, Err> for F
where
    F: Fn(Refusal, &Req) -> Result<Res, Err>,
{
    fn refuse(&self, refusal: Refusal, req: &Req) -> Result<Res, Err> {
        self(refusal, req)
    }
}

/// Turns a refusal into the error of the service.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use sluicegate::{limit::{Local, Quota, RateLimitLayer, TokenBucket}, refusal::{AsError, BoxError, Refusal}};
/// use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
///
/// let limiter = Local::direct(TokenBucket::new(Quota::per_minute(1)));
/// let mut service = ServiceBuilder::new()
///     .layer(RateLimitLayer::new(limiter).refuse_with(AsError))
///     .service(service_fn(|n: u32| async move { Ok::<_, BoxError>(n + 1) }));
///
/// assert_eq!(service.ready().await.unwrap().call(1).await.unwrap(), 2);
/// let error = service.ready().await.unwrap().call(1).await.unwrap_err();
/// let refusal = error.downcast_ref::<Refusal>().unwrap();
/// assert!(refusal.retry_after().unwrap().as_secs() >= 59);
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct AsError;

impl<Req, Res, Err: From<Refusal>> Refuse<Req, Res, Err> for AsError {
    fn refuse(&self, refusal: Refusal, _req: &Req) -> Result<Res, Err> {
        Err(refusal.into())
    }
}
