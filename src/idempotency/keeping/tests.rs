use http::HeaderValue;

use super::*;

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
            assert_eq!(keeping.at_end(&trailers), expected, "{code} {takeover:?}");
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
    assert_eq!(fate(&with(200, "application/grpc+proto")), Fate::InTrailers);
    assert_eq!(fate(&with(200, "application/grpc-web")), Fate::Store);
    let mut trailers_only = with(200, "application/grpc");
    let status = HeaderValue::from_static("14");
    trailers_only.headers_mut().insert("grpc-status", status);
    assert_eq!(fate(&trailers_only), Fate::Release);
    assert_eq!(Keeping::default().at_end(&HeaderMap::new()), Fate::Lapse);
}
