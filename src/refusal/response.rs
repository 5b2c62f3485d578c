//! Writes the responses of an [`Answer`]: those of refused requests, and the
//! quota headers of admitted ones.

use http::{
    Extensions, HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode,
    header::{CONTENT_TYPE, LINK},
};

use super::{
    answer::Answer,
    body::Fill,
    headers::{Headers, LegacyFields, Quotas, write_ietf, write_retry_after},
    problem,
    refusal::Refusal,
    refuse::Refuse,
};
use crate::limit::{Decision, Other};

/// Whether a client may retry; `no` if it must not. HTTP has no field for that.
pub(crate) const RETRY: HeaderName = HeaderName::from_static("x-sluicegate-retry");

impl<F, A, B, E> Refuse<Request<A>, Response<B>, E> for Answer<F>
where
    F: Fill<B>,
{
    fn refuse(&self, refusal: Refusal, req: &Request<A>) -> Result<Response<B>, E> {
        // The layer may have been generic over the request, and this is not.
        let refusal = refusal.answering_unless_known(req.extensions());
        let mut response = match grpc_answer(&refusal, req.headers()) {
            Some(headers) => self.grpc_response(headers),
            None => self.http_response(&refusal),
        };
        if let Some(decision) = refusal.decision().filter(|_| self.options.with_decision) {
            response.extensions_mut().insert(*decision);
        }
        response.extensions_mut().insert(refusal);
        Ok(response)
    }

    #[inline]
    fn marks(&self) -> bool {
        self.options.headers != Headers::None || self.options.with_decision
    }

    // Marks the response to an admitted request. Layers further in may have
    // marked it with their own limits already.
    fn mark(&self, limiter: &str, decision: &Decision, others: &[Other], res: &mut Response<B>) {
        // Read before anything is written: what layers further in have
        // reported.
        let refused = refused(res.extensions());
        let listed = match self.options.headers.has_legacy() {
            true => LegacyFields::listed(res.headers()),
            false => None,
        };
        if self.options.headers.has_ietf() {
            let quotas = Quotas {
                limiter,
                decision,
                others,
            };
            let name = refused.as_ref().map(|(name, _)| &**name);
            write_ietf(&quotas, name, res.headers_mut());
        }
        if self.options.headers.has_legacy() || self.options.with_decision {
            let has_refused = refused.map(|(_, decision)| decision);
            self.report(decision, has_refused, listed, res);
        }
    }
}

impl<F> Answer<F> {
    /// Writes the fields and the extension that have room for one limit.
    /// `has_refused` is the decision of a layer further in that has refused, and
    /// `listed` the tightest limit that the IETF fields had listed.
    fn report<B>(
        &self,
        decision: &Decision,
        has_refused: Option<Decision>,
        listed: Option<LegacyFields>,
        res: &mut Response<B>,
    ) {
        let inner = res.extensions().get::<Decision>().copied();
        let inner = inner.filter(|inner| !decision.is_tighter_than(inner));
        let reported = has_refused.or(inner).unwrap_or(*decision);
        let legacy = LegacyFields::of(&reported);
        // The decision of a layer further in is exact. Its member of a list is
        // rounded, so the list counts only without a decision.
        let is_tighter = |it: &LegacyFields| inner.is_none() || it.remaining < legacy.remaining;
        match has_refused {
            _ if !self.options.headers.has_legacy() => {}
            Some(_) => legacy.write(res.headers_mut()),
            None => legacy.write_tightest(listed.filter(is_tighter), res.headers_mut()),
        }
        if self.options.with_decision {
            res.extensions_mut().insert(reported);
        }
    }

    /// Makes the HTTP response to a refused request.
    fn http_response<B>(&self, refusal: &Refusal) -> Response<B>
    where
        F: Fill<B>,
    {
        let status = self.status(refusal.reason());
        let mut response = match F::HAS_TEXT {
            true => self.problem(status, refusal),
            false => Response::new(self.fill.fill(String::new())),
        };
        *response.status_mut() = status;
        self.write_quota(refusal, response.headers_mut());
        self.write_link(refusal, response.headers_mut());
        response
    }

    /// Makes a response with a problem as its body.
    fn problem<B>(&self, status: StatusCode, refusal: &Refusal) -> Response<B>
    where
        F: Fill<B>,
    {
        let mut response = Response::new(self.fill.fill(problem::json(status, refusal)));
        let media_type = HeaderValue::from_static(problem::MEDIA_TYPE);
        response.headers_mut().insert(CONTENT_TYPE, media_type);
        response
    }

    /// Makes a trailers-only response.
    fn grpc_response<B>(&self, headers: HeaderMap) -> Response<B>
    where
        F: Fill<B>,
    {
        let mut response = Response::new(self.fill.fill(String::new()));
        *response.headers_mut() = headers;
        response
    }

    /// Writes when to retry, and the quota of the limit that refused.
    fn write_quota(&self, refusal: &Refusal, headers: &mut HeaderMap) {
        if let Some(retry) = refusal.retry_after() {
            write_retry_after(retry, headers);
        }
        if refusal.forbids_retry() {
            headers.insert(RETRY, HeaderValue::from_static("no"));
        }
        let (Some(limiter), Some(decision)) = (refusal.limiter(), refusal.decision()) else {
            return;
        };
        if self.options.headers.has_ietf() {
            let quotas = Quotas {
                limiter,
                decision,
                others: &refusal.others(),
            };
            write_ietf(&quotas, None, headers);
        }
        if self.options.headers.has_legacy() {
            LegacyFields::of(decision).write(headers);
        }
    }

    /// Writes the `Link` to the docs of idempotency keys, if the refusal is
    /// about them.
    fn write_link(&self, refusal: &Refusal, headers: &mut HeaderMap) {
        let about_keys = refusal.key_problem().is_some();
        let Some(address) = self.options.keys_described_by.filter(|_| about_keys) else {
            return;
        };
        let link = format!("<{address}>; rel=\"describedby\"; type=\"text/html\"");
        if let Ok(link) = HeaderValue::try_from(link) {
            headers.append(LINK, link);
        }
    }
}

/// Returns the name and the decision of a limit further in that has refused.
fn refused(extensions: &Extensions) -> Option<(String, Decision)> {
    let refusal = extensions.get::<Refusal>()?;
    Some((refusal.limiter()?.to_owned(), *refusal.decision()?))
}

/// Returns the headers of a gRPC response; `None` if the request is not gRPC.
#[cfg(feature = "grpc")]
fn grpc_answer(refusal: &Refusal, request: &HeaderMap) -> Option<HeaderMap> {
    let content_type = super::grpc::content_type(request)?;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, content_type.clone());
    super::grpc::write(refusal, &mut headers);
    Some(headers)
}

#[cfg(not(feature = "grpc"))]
fn grpc_answer(_refusal: &Refusal, _request: &HeaderMap) -> Option<HeaderMap> {
    None
}
