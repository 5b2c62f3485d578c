use http::{HeaderValue, header::CONTENT_TYPE};

use crate::idempotency::http::retention::policy::*;

fn with(status: u16, content_type: &'static str) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

fn fate(response: &Response<()>) -> Fate {
    Keeping::default().fate(response, |_| true)
}

#[test]
fn what_need_not_end_is_not_kept_for_longer_than_its_head() {
    assert_eq!(fate(&with(200, "text/event-stream")), Fate::WithoutBody);
    assert_eq!(
        fate(&with(200, "Text/Event-Stream ;charset=utf-8")),
        Fate::WithoutBody
    );
    assert_eq!(fate(&with(101, "text/plain")), Fate::WithoutBody);
    assert_eq!(fate(&with(200, "text/event-streams")), Fate::Store);
    assert_eq!(fate(&with(503, "text/event-stream")), Fate::Release);
    let mut said = with(503, "text/event-stream");
    said.extensions_mut().insert(StoreDecision::Store);
    assert_eq!(fate(&said), Fate::WithoutBody);
}

#[test]
fn an_answer_in_doubt_gives_the_work_back_only_where_it_may_run_again() {
    for (takeover, fate) in [
        (Takeover::Rerun, Fate::Release),
        (Takeover::Refuse, Fate::Lapse),
    ] {
        let keeping = Keeping {
            takeover,
            ..Keeping::default()
        };
        let of = |response: &Response<()>| keeping.fate(response, |_| true);
        for (code, expected) in [
            (408, fate),
            (503, fate),
            (502, Fate::Lapse),
            (504, Fate::Lapse),
            (409, Fate::Release),
            (429, Fate::Release),
        ] {
            assert_eq!(
                of(&with(code, "text/plain")),
                expected,
                "{code} {takeover:?}"
            );
        }
        let mut trailers = HeaderMap::new();
        for (code, expected) in [("14", fate), ("4", Fate::Lapse), ("8", Fate::Release)] {
            trailers.insert("grpc-status", HeaderValue::from_static(code));
            assert_eq!(
                keeping.at_end(&trailers, &HeaderMap::new()),
                expected,
                "{code} {takeover:?}"
            );
        }
        for decision in [StoreDecision::Store, StoreDecision::Release] {
            for code in [408, 502, 503, 504] {
                let mut said = with(code, "text/plain");
                said.extensions_mut().insert(decision);
                let expected = match decision {
                    StoreDecision::Store => Fate::Store,
                    _ => Fate::Release,
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
        assert_eq!(fate(&with(200, content_type)), Fate::InTrailers);
        let mut head_only = with(200, content_type);
        let status = HeaderValue::from_static("14");
        head_only.headers_mut().insert("grpc-status", status);
        assert_eq!(fate(&head_only), Fate::Release);
    }
    assert_eq!(Keeping::default().at_end(&none, &none), Fate::Lapse);
}

#[test]
fn the_end_overrides_a_head_that_says_ok() {
    let keeping = Keeping::default();
    let mut ok = with(200, "application/grpc-web");
    let status = HeaderValue::from_static("0");
    ok.headers_mut().insert("grpc-status", status);
    assert_eq!(fate(&ok), Fate::InTrailers);
    let mut away = HeaderMap::new();
    away.insert("grpc-status", HeaderValue::from_static("14"));
    assert_eq!(keeping.at_end(&away, ok.headers()), Fate::Release);
    assert_eq!(keeping.at_end(&HeaderMap::new(), ok.headers()), Fate::Store);
}
