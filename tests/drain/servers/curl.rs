//! curl, over HTTP/1.1 and HTTP/2.

use sluicegate::drain::Stage;

use super::{
    app::{App, curl, printed},
    time::Still,
};
use crate::support::ms;

/// Options for both versions.
const VERSIONS: [&str; 2] = ["--http1.1", "--http2-prior-knowledge"];

#[tokio::test]
async fn each_stage_as_curl_sees_it() {
    let still = Still::new();
    for version in VERSIONS {
        let app = App::start().await;
        let ask = |path: &str| curl(&[version, "--include", &app.url(path)]);
        let in_flight = ask("/gated");
        app.gate.begun().await;
        assert!(printed(ask("/readyz")).await.contains("ready\n"));

        // Lame duck: it serves, and asks for other connections.
        app.drain.begin();
        assert!(printed(ask("/readyz")).await.contains(" 503"));
        let served = printed(ask("/hello")).await;
        assert!(served.ends_with("hello\n"), "{served}");
        let closes = served.contains("connection: close");
        assert_eq!(closes, version == "--http1.1", "{served}");

        // Draining: new connections are refused, and the request goes on.
        still.pass(ms(100)).await;
        app.refuses_connections().await;
        assert_eq!(app.drain.stage(), Stage::Draining);
        let refused = ask("/hello").await.unwrap();
        assert_eq!(refused.status.code(), Some(7), "curl could not connect");
        app.gate.open();
        let done = printed(in_flight).await;
        assert!(done.contains(" 200") && done.ends_with("done\n"), "{done}");

        let report = app.report().await;
        assert!(report.is_clean(), "{report}");
        assert_eq!(report.by_name()["GET /gated"].finished, 1);
        assert_eq!(report.by_name()["GET /hello"].finished, 1);
    }
}

#[tokio::test]
async fn a_second_signal_answers_what_is_in_flight_with_503() {
    let still = Still::new();
    for version in VERSIONS {
        let app = App::start().await;
        let in_flight = curl(&[version, "--include", &app.url("/gated")]);
        app.gate.begun().await;
        app.drain.signal();
        still.pass(ms(100)).await;
        app.drain.signal();
        let aborted = printed(in_flight).await;
        assert!(aborted.contains(" 503"), "{aborted}");
        assert!(aborted.contains("the server shut down before the request was done"));
        let report = app.report().await;
        assert_eq!(report.by_name()["GET /gated"].aborted, 1, "{report}");
        // Both were told, so the server could close their connections.
        assert!(report.has_server_ended());
    }
}

#[tokio::test]
async fn events_end_with_their_last_one_and_lose_nothing() {
    let still = Still::new();
    for version in VERSIONS {
        let app = App::start().await;
        let listener = curl(&[version, "--no-buffer", &app.url("/events")]);
        app.gate.begun().await;
        app.drain.begin();
        still.pass(ms(100)).await;
        app.refuses_connections().await;
        still.pass(ms(700)).await;
        app.reaches(Stage::Cancelling).await;
        still.pass(ms(50)).await;
        let read = printed(listener).await;
        assert_eq!(read, "data: 1\n\nevent: goodbye\ndata: elsewhere\n\n");
        let report = app.report().await;
        assert_eq!(report.by_name()["GET /events"].cancelled, 1, "{report}");
        assert!(report.is_clean());
    }
}
