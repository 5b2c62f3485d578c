//! A request with its permit, until its response begins. The future of the
//! service owns it.

use std::task::Poll;

use http::{Extensions, Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    body::ResponseBody,
    held_response::{HeldResponse, JudgedResponse},
    settings::ConcurrencySettings,
    upgrade::UpgradeGuard,
};
use crate::{
    concurrency::gate::{Permit, WorkEnd},
    content::{BodyAllowed, Grpc},
    criticality::{Criticality, Running},
    deadline::{self, Deadline},
    red::{
        on_panic::{self, PanicGuard},
        refusal_in,
    },
    refusal::Reason,
};

/// A request with its permit. Dropped, it gives the permit back.
#[derive(Default)]
pub(super) struct HeldRequest {
    /// `None` if the request is exempt, and in shadow mode if the limiter gave
    /// none.
    permit: Option<Permit>,
    /// `None` if the limiter does not learn from the end of the request.
    origin: Option<LearnedRequest>,
    upgrade: Option<UpgradeGuard>,
    /// The level that the work for the request runs at, if it was decided.
    level: Option<Criticality>,
    /// Whether the method allows the response to have a body.
    body: BodyAllowed,
    release_at_head: bool,
}

/// The parts of a request by which its end is judged.
#[derive(Clone, Copy)]
pub(super) struct LearnedRequest {
    /// The deadline, unless the caller chose a shorter one than the server's.
    pub(super) deadline: Option<Deadline>,
    /// The form of gRPC that the request uses.
    pub(super) grpc: Option<Grpc>,
}

impl HeldRequest {
    /// Begins a request. It is to [`read`](Self::read) what it needs next: a
    /// permit is in registers until it is written to its place here.
    #[inline]
    pub(super) fn new<B>(
        permit: Option<Permit>,
        req: &Request<B>,
        level: Option<Criticality>,
        settings: &ConcurrencySettings,
    ) -> Self {
        Self {
            permit,
            origin: None,
            upgrade: None,
            level,
            body: BodyAllowed::to(req.method()),
            release_at_head: settings.release_at_head,
        }
    }

    /// Reads what is needed of the request. It leaves the level, and the guard
    /// of an upgrade, among its extensions. `waits` tells whether it waits for
    /// its permit.
    #[inline]
    pub(super) fn read<B>(&mut self, req: &mut Request<B>, waits: bool, counts_upgrades: bool) {
        if waits || self.permit.as_ref().is_some_and(Permit::learns) {
            self.origin = Some(LearnedRequest::of(req));
        }
        if self.level.is_some() || counts_upgrades {
            self.mark(req.extensions_mut(), counts_upgrades);
        }
    }

    /// Calls the service at the level of the request.
    #[inline]
    pub(super) fn call<S, B>(&self, service: &mut S, req: Request<B>) -> S::Future
    where
        S: Service<Request<B>>,
    {
        let running = self.running();
        let response = service.call(req);
        drop(running);
        response
    }

    /// Leaves its marks among the extensions of the request.
    #[inline(never)]
    fn mark(&mut self, extensions: &mut Extensions, counts_upgrades: bool) {
        if let Some(level) = self.level {
            extensions.insert(level);
        }
        if counts_upgrades {
            let guard = UpgradeGuard::new();
            extensions.insert(guard.clone());
            self.upgrade = Some(guard);
        }
    }

    /// Adds the permit that a request has waited for.
    pub(super) fn with(mut self, permit: Permit) -> Self {
        self.permit = Some(permit);
        self
    }

    /// Returns the permit.
    #[inline]
    pub(super) fn permit(&self) -> Option<&Permit> {
        self.permit.as_ref()
    }

    /// Makes its level the current one, if it was decided.
    #[inline]
    pub(super) fn running(&self) -> Option<Running> {
        self.level.map(|level| Running::at(Some(level)))
    }

    /// Gives the permit back if the work panics until the guard has returned.
    #[inline]
    pub(super) fn watch(&mut self) -> PanicGuard<'_, Permit> {
        on_panic::watch(&mut self.permit, drop)
    }

    /// Passes on the result of the service.
    ///
    /// Not inlined: a response is large, and it is moved only once here.
    #[inline(never)]
    pub(super) fn respond<B: Body, E: 'static>(
        &mut self,
        polled: Poll<Result<Response<B>, E>>,
    ) -> Poll<Result<Response<ResponseBody<B>>, E>> {
        let judged = match &polled {
            Poll::Ready(Ok(response)) => self.head(response),
            Poll::Ready(Err(error)) => self.fail(error),
            Poll::Pending => return Poll::Pending,
        };
        let level = self.level;
        polled.map_ok(|response| {
            response.map(|body| {
                let permit = self.permit.take();
                let held = permit.map(|permit| HeldResponse::new(permit, &body, judged));
                ResponseBody::new(body, held, level)
            })
        })
    }

    /// The response begins. The permit goes back if the response ends with its
    /// head, or goes to an upgraded connection. Returns how the end is judged.
    #[inline]
    fn head<B: Body>(&mut self, response: &Response<B>) -> Option<JudgedResponse> {
        if self.body.changes_protocol(response.status()) {
            self.upgraded();
            return None;
        }
        let Some(origin) = self.origin else {
            let has_body = self.body.has_body(response.status());
            if self.release_at_head || !has_body || response.body().is_end_stream() {
                self.permit = None;
            }
            return None;
        };
        let (mut judged, ends) = JudgedResponse::begin(response, self.body, origin);
        if ends || self.release_at_head {
            let end = judged.end();
            self.permit.take()?.end(end);
            return None;
        }
        Some(judged)
    }

    /// The service returned an error instead of a response.
    fn fail<E: 'static>(&mut self, error: &E) -> Option<JudgedResponse> {
        self.permit
            .take()?
            .end(match refusal_in(error).map(|it| it.reason()) {
                Some(Reason::DeadlineExceeded | Reason::Overloaded | Reason::Unavailable) => {
                    WorkEnd::Overloaded
                }
                Some(_) => WorkEnd::Failed,
                None => WorkEnd::Ignored,
            });
        None
    }

    #[cold]
    fn upgraded(&mut self) {
        if let (Some(permit), Some(guard)) = (self.permit.take(), self.upgrade.take()) {
            guard.keep(permit);
        }
    }
}

impl LearnedRequest {
    #[inline(never)]
    fn of<B>(req: &Request<B>) -> Self {
        let deadline = deadline::current();
        Self {
            deadline: deadline.filter(|_| !deadline::is_chosen_by_caller(req.extensions())),
            grpc: Grpc::spoken_in(req.headers()),
        }
    }
}

/// The request was dropped before its response began.
impl Drop for HeldRequest {
    #[inline]
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take() {
            let deadline = self.origin.and_then(|origin| origin.deadline);
            permit.end(dropped(deadline));
        }
    }
}

/// Returns what a request that was dropped says about the load: nothing, unless
/// its deadline has passed.
#[cold]
pub(super) fn dropped(deadline: Option<Deadline>) -> WorkEnd {
    match deadline.is_some_and(|deadline| deadline.is_expired()) {
        true => WorkEnd::Overloaded,
        false => WorkEnd::Ignored,
    }
}
