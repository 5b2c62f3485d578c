//! WebSockets, with a guard and without.

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::{connect_async, tungstenite::Message};

use super::{app::App, time::Still};
use crate::support::ms;

#[tokio::test]
async fn a_guarded_socket_is_told_and_waited_for() {
    let (app, still) = (App::start().await, Still::new());
    let url = app.url("/socket").replace("http:", "ws:");
    let (mut socket, _) = connect_async(url).await.unwrap();
    app.gate.begun().await;
    socket.send(Message::text("hello")).await.unwrap();
    assert_eq!(
        socket.next().await.unwrap().unwrap(),
        Message::text("hello")
    );

    app.drain.begin();
    still.pass(ms(100)).await;
    app.refuses_connections().await;
    // It still serves.
    socket.send(Message::text("again")).await.unwrap();
    assert_eq!(
        socket.next().await.unwrap().unwrap(),
        Message::text("again")
    );
    still.pass(ms(700)).await;
    let Message::Close(Some(close)) = socket.next().await.unwrap().unwrap() else {
        panic!("no goodbye");
    };
    assert_eq!(u16::from(close.code), 1012);
    let report = app.report().await;
    let guards = report.by_name()["GET /socket (guard)"];
    // The one that runs the work, and the clone in it.
    assert_eq!((guards.cancelled, guards.aborted), (2, 0), "{report}");
    assert_eq!(report.total().unguarded, 0);
    assert!(report.is_clean());
}

#[tokio::test]
async fn a_second_signal_drops_a_guarded_socket() {
    let (app, _still) = (App::start().await, Still::new());
    let url = app.url("/socket").replace("http:", "ws:");
    let (mut socket, _) = connect_async(url).await.unwrap();
    app.gate.begun().await;
    app.drain.signal();
    app.drain.signal();
    // Cut, without a goodbye.
    assert!(!matches!(socket.next().await, Some(Ok(Message::Text(_)))));
    let report = app.report().await;
    assert!(
        report.by_name()["GET /socket (guard)"].aborted > 0,
        "{report}"
    );
}

#[tokio::test]
async fn a_socket_without_a_guard_is_named_in_the_report() {
    let (app, still) = (App::start().await, Still::new());
    let url = app.url("/bare").replace("http:", "ws:");
    let (_socket, _) = connect_async(url).await.unwrap();
    app.gate.begun().await;
    app.drain.begin();
    still.pass(ms(100)).await;
    let report = app.report().await;
    assert_eq!(report.by_name()["GET /bare"].unguarded, 1);
    let text = report.to_string();
    assert!(
        text.contains("GET /bare: 1 upgraded without a guard"),
        "{text}"
    );
}
