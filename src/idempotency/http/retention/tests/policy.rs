use http::{HeaderValue, header::CONTENT_TYPE};

use crate::idempotency::http::retention::policy::*;

fn with(status: u16, content_type: &'static str) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

fn decided(response: &Response<()>) -> Retention {
    RetentionPolicy::default().decide(response, |_| true)
}

#[test]
fn a_response_that_may_never_end_is_kept_without_its_body() {
    assert_eq!(
        decided(&with(200, "text/event-stream")),
        Retention::WithoutBody
    );
    assert_eq!(
        decided(&with(200, "Text/Event-Stream ;charset=utf-8")),
        Retention::WithoutBody
    );
    assert_eq!(decided(&with(101, "text/plain")), Retention::WithoutBody);
    assert_eq!(decided(&with(200, "text/event-streams")), Retention::Store);
    assert_eq!(decided(&with(503, "text/event-stream")), Retention::Release);
    let mut said = with(503, "text/event-stream");
    said.extensions_mut().insert(StoreDecision::Store);
    assert_eq!(decided(&said), Retention::WithoutBody);
}

#[test]
fn a_response_in_doubt_releases_work_only_if_it_may_run_again() {
    for (takeover, decided) in [
        (Takeover::Rerun, Retention::Release),
        (Takeover::Refuse, Retention::Lapse),
    ] {
        let policy = RetentionPolicy {
            takeover,
            ..RetentionPolicy::default()
        };
        let of = |response: &Response<()>| policy.decide(response, |_| true);
        for (code, expected) in [
            (408, decided),
            (503, decided),
            (502, Retention::Lapse),
            (504, Retention::Lapse),
            (409, Retention::Release),
            (429, Retention::Release),
        ] {
            assert_eq!(
                of(&with(code, "text/plain")),
                expected,
                "{code} {takeover:?}"
            );
        }
        let mut trailers = HeaderMap::new();
        for (code, expected) in [
            ("14", decided),
            ("4", Retention::Lapse),
            ("8", Retention::Release),
        ] {
            trailers.insert("grpc-status", HeaderValue::from_static(code));
            assert_eq!(
                policy.at_end(&trailers, &HeaderMap::new()),
                expected,
                "{code} {takeover:?}"
            );
        }
        for decision in [StoreDecision::Store, StoreDecision::Release] {
            for code in [408, 502, 503, 504] {
                let mut said = with(code, "text/plain");
                said.extensions_mut().insert(decision);
                let expected = match decision {
                    StoreDecision::Store => Retention::Store,
                    _ => Retention::Release,
                };
                assert_eq!(of(&said), expected, "{code} {takeover:?}");
            }
        }
    }
}

#[test]
fn grpc_has_its_status_at_the_end_and_grpc_web_in_its_body() {
    let none = HeaderMap::new();
    for content_type in ["application/grpc+proto", "Application/gRPC-Web-Text ; a=b"] {
        assert_eq!(decided(&with(200, content_type)), Retention::ByTrailers);
        let mut head_only = with(200, content_type);
        let status = HeaderValue::from_static("14");
        head_only.headers_mut().insert("grpc-status", status);
        assert_eq!(decided(&head_only), Retention::Release);
    }
    assert_eq!(
        RetentionPolicy::default().at_end(&none, &none),
        Retention::Lapse
    );
}

#[test]
fn the_end_overrides_a_head_that_says_ok() {
    let policy = RetentionPolicy::default();
    let mut ok = with(200, "application/grpc-web");
    let status = HeaderValue::from_static("0");
    ok.headers_mut().insert("grpc-status", status);
    assert_eq!(decided(&ok), Retention::ByTrailers);
    let mut away = HeaderMap::new();
    away.insert("grpc-status", HeaderValue::from_static("14"));
    assert_eq!(policy.at_end(&away, ok.headers()), Retention::Release);
    assert_eq!(
        policy.at_end(&HeaderMap::new(), ok.headers()),
        Retention::Store
    );
}
