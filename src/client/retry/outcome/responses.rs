//! Which responses are failures after which a call may succeed.

use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::finding::{Delay, Finding, Progress};
use crate::{
    client::{
        advice::{RetryAdvice, pushback, retry_advice},
        retry::{nested::Repeated, observe::Stop},
    },
    content::Grpc,
    refusal::Refusal,
};

/// The status of a gRPC call.
const STATUS: &str = "grpc-status";

/// The finding about the head of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client::retry) enum Head {
    Found(Finding),
    /// The status of the call is in the trailers.
    InTrailers,
}

/// Returns what the head of a response says.
pub(in crate::client::retry) fn find_in_head<R>(response: &Response<R>) -> Head {
    if let Some(finding) = find_in_extensions(response) {
        return Head::Found(finding);
    }
    let grpc = Grpc::spoken_in(response.headers());
    match grpc.filter(|_| response.status() == StatusCode::OK) {
        None => Head::Found(by_status(response.status(), response.headers())),
        Some(Grpc::Plain) if !response.headers().contains_key(STATUS) => Head::InTrailers,
        Some(_) => Head::Found(find_in_trailers(response.headers())),
    }
}

/// Returns what layers of this process have noted.
fn find_in_extensions<R>(response: &Response<R>) -> Option<Finding> {
    let refusal = response.extensions().get::<Refusal>();
    let is_repeated = response.extensions().get::<Repeated>().is_some();
    let repeated = is_repeated.then_some(Finding::Final(Stop::Nested));
    refusal.map(Finding::of_refusal).or(repeated)
}

/// Returns what the trailers of a gRPC response say, or its headers if it has
/// nothing else.
pub(in crate::client::retry) fn find_in_trailers(fields: &HeaderMap) -> Finding {
    match fields.get(STATUS).map(HeaderValue::as_bytes) {
        // UNAVAILABLE
        Some(b"14") => failed(said(fields)),
        // RESOURCE_EXHAUSTED and ABORTED
        Some(b"8" | b"10") => failed_if_said(said(fields)),
        _ => Finding::Answer,
    }
}

fn by_status(status: StatusCode, headers: &HeaderMap) -> Finding {
    match status {
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            failed(said(headers))
        }
        StatusCode::TOO_MANY_REQUESTS | StatusCode::CONFLICT => failed_if_said(said(headers)),
        _ => Finding::Answer,
    }
}

/// Returns when the server wants the call again. A pushback counts over HTTP as
/// well, because a proxy answers a gRPC call with the status of HTTP.
fn said(fields: &HeaderMap) -> Delay {
    match (pushback(fields), retry_advice(fields)) {
        (Some(RetryAdvice::After(delay)), _) => Delay::Exactly(delay),
        (None, Some(RetryAdvice::After(delay))) => Delay::AtLeast(delay),
        (None, None) => Delay::Unsaid,
        (Some(RetryAdvice::Never), _) | (None, Some(RetryAdvice::Never)) => Delay::Never,
    }
}

fn failed(delay: Delay) -> Finding {
    let progress = Progress::Unknown;
    Finding::Failure { progress, delay }
}

/// A status that is a failure only if the server says when to come back.
fn failed_if_said(delay: Delay) -> Finding {
    match delay {
        Delay::Unsaid => Finding::Answer,
        said => failed(said),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn found(status: u16, lines: &[(&'static str, &'static str)]) -> Head {
        let mut response = Response::builder().status(status);
        for (name, value) in lines {
            response = response.header(*name, *value);
        }
        find_in_head(&response.body(()).unwrap())
    }

    fn after(seconds: u64) -> Head {
        Head::Found(failed(Delay::AtLeast(Duration::from_secs(seconds))))
    }

    const ANSWER: Head = Head::Found(Finding::Answer);
    const GRPC: (&str, &str) = ("content-type", "application/grpc+proto");

    #[test]
    fn a_status_is_a_failure_or_the_answer() {
        let plain = Head::Found(failed(Delay::Unsaid));
        for status in [502, 503, 504] {
            assert_eq!(found(status, &[]), plain);
            assert_eq!(found(status, &[("retry-after", "7")]), after(7));
            assert_eq!(found(status, &[("retry-after", "-7")]), plain);
        }
        for status in [429, 409] {
            assert_eq!(found(status, &[]), ANSWER);
            assert_eq!(found(status, &[("retry-after", "soon")]), ANSWER);
            assert_eq!(found(status, &[("retry-after", "7")]), after(7));
        }
        for status in [200, 404, 408, 500, 501] {
            assert_eq!(found(status, &[("retry-after", "7")]), ANSWER, "{status}");
        }
        let never = Head::Found(failed(Delay::Never));
        for status in [503, 429] {
            assert_eq!(found(status, &[("x-sluicegate-retry", "no")]), never);
            assert_eq!(found(status, &[("grpc-retry-pushback-ms", "-1")]), never);
        }
    }

    #[test]
    fn grpc_goes_by_its_own_status() {
        let never = Head::Found(failed(Delay::Never));
        let exactly = Head::Found(failed(Delay::Exactly(Duration::from_secs(2))));
        let pushback = |value| ("grpc-retry-pushback-ms", value);
        assert_eq!(found(200, &[GRPC]), Head::InTrailers);
        assert_eq!(found(200, &[GRPC, ("grpc-status", "0")]), ANSWER);
        assert_eq!(found(200, &[GRPC, ("grpc-status", "4")]), ANSWER);
        assert_eq!(found(200, &[GRPC, ("grpc-status", "014")]), ANSWER);
        let unavailable = ("grpc-status", "14");
        assert_eq!(
            found(200, &[GRPC, unavailable]),
            Head::Found(failed(Delay::Unsaid))
        );
        assert_eq!(found(200, &[GRPC, unavailable, pushback("2000")]), exactly);
        for value in ["-1", "x", "1.5"] {
            assert_eq!(found(200, &[GRPC, unavailable, pushback(value)]), never);
        }
        let twice = [GRPC, unavailable, pushback("1"), pushback("1")];
        assert_eq!(found(200, &twice), never);
        let exhausted = ("grpc-status", "8");
        assert_eq!(found(200, &[GRPC, exhausted]), ANSWER);
        assert_eq!(found(200, &[GRPC, exhausted, pushback("2000")]), exactly);
        assert_eq!(found(503, &[GRPC]), Head::Found(failed(Delay::Unsaid)));
        let web = ("content-type", "application/grpc-web");
        assert_eq!(found(200, &[web]), ANSWER);
    }

    #[test]
    fn a_refusal_of_this_process_is_final() {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response
            .extensions_mut()
            .insert(Refusal::deadline_exceeded());
        let refused = Head::Found(Finding::Final(Stop::Refused));
        assert_eq!(find_in_head(&response), refused);
    }
}
