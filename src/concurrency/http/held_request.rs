//! A request with its permit, until its response begins. The future of the
//! service owns it.

use http::{Request, Response};
use http_body::Body;

use super::{held_response::HeldResponse, settings::ConcurrencySettings, upgrade::UpgradeGuard};
use crate::{
    concurrency::gate::{Permit, WorkEnd},
    content::{BodyAllowed, Grpc},
    criticality::Criticality,
    deadline::{self, Deadline},
    red::refusal_in,
    refusal::Reason,
};

/// A request with its permit. Dropped, it gives the permit back.
pub(super) struct HeldRequest {
    /// `None` in shadow mode, if the limiter gave none.
    permit: Option<Permit>,
    /// The level that the work for the request runs at, if it was decided.
    pub(super) level: Option<Criticality>,
    /// Whether the method allows the response to have a body.
    body: BodyAllowed,
    /// `None` if the limiter does not learn from the end of the request.
    origin: Option<LearnedRequest>,
    release_at_head: bool,
    upgrade: Option<UpgradeGuard>,
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
    /// Reads what is needed of a request, which has no permit yet. It leaves
    /// the level, and the guard of an upgrade, among its extensions.
    #[inline]
    pub(super) fn of<B>(
        req: &mut Request<B>,
        level: Option<Criticality>,
        learns: bool,
        settings: &ConcurrencySettings,
    ) -> Self {
        if let Some(level) = level {
            req.extensions_mut().insert(level);
        }
        let upgrade = settings.count_upgrades.then(UpgradeGuard::new);
        if let Some(guard) = &upgrade {
            req.extensions_mut().insert(guard.clone());
        }
        Self {
            permit: None,
            level,
            body: BodyAllowed::to(req.method()),
            origin: learns.then(|| LearnedRequest::of(req)),
            release_at_head: settings.release_at_head,
            upgrade,
        }
    }

    /// Adds the permit.
    #[inline]
    pub(super) fn with(mut self, permit: Permit) -> Self {
        self.permit = Some(permit);
        self
    }

    /// The response begins. Returns what holds the permit until it ends;
    /// `None` if the permit went back, or went to an upgraded connection.
    #[inline]
    pub(super) fn head<B: Body>(&mut self, response: &Response<B>) -> Option<HeldResponse> {
        let permit = self.permit.take()?;
        if self.body.changes_protocol(response.status()) {
            self.upgraded(permit);
            return None;
        }
        let (mut held, ends) = HeldResponse::begin(permit, response, self.body, self.origin);
        match ends || self.release_at_head {
            true => {
                held.end();
                None
            }
            false => Some(held),
        }
    }

    /// The service returned an error instead of a response.
    pub(super) fn fail<E: 'static>(&mut self, error: &E) {
        let Some(permit) = self.permit.take() else {
            return;
        };
        permit.end(match refusal_in(error).map(|it| it.reason()) {
            Some(Reason::DeadlineExceeded | Reason::Overloaded | Reason::Unavailable) => {
                WorkEnd::Overloaded
            }
            Some(_) => WorkEnd::Failed,
            None => WorkEnd::Ignored,
        });
    }

    #[cold]
    fn upgraded(&mut self, permit: Permit) {
        match self.upgrade.take() {
            Some(guard) => guard.keep(permit),
            None => permit.end(WorkEnd::Ignored),
        }
    }
}

impl LearnedRequest {
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
