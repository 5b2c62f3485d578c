use std::time::Duration;

use sluicegate::redis::{Connection, Error, ErrorKind, Server as Place};

use super::{builder, count};
use crate::{cluster::Cluster, fake, server::Server};

const SECRET: &str = "hunter2-very-secret";

fn refused(error: &Error, field: &str, words: &[&str]) {
    let text = format!("{error} {error:?} {:?}", std::error::Error::source(error));
    assert_eq!(error.kind(), ErrorKind::Config, "{text}");
    assert!(
        text.starts_with(&format!("invalid redis {field} ")),
        "{text}"
    );
    for word in words.iter().chain(&["must be "]) {
        assert!(text.contains(word), "{word} is not in: {text}");
    }
    assert!(!text.contains(SECRET), "{text}");
}

#[tokio::test]
async fn a_wrong_password_is_an_error_at_once() {
    let server = Server::with(&["--requirepass", "right"]);
    let url = format!("redis://:{SECRET}@127.0.0.1:{}", server.port());
    let error = Connection::connect(url.clone()).await.unwrap_err();
    refused(&error, "user", &["default", "WRONGPASS"]);
    let none = Connection::connect(server.url()).await.unwrap_err();
    refused(&none, "user", &["default", "NOAUTH"]);
    let redis = builder(url).lazy().unwrap();
    assert!(!format!("{redis:?}").contains(SECRET));
    refused(
        &count(&redis, "k").await.unwrap_err(),
        "user",
        &["WRONGPASS"],
    );
}

#[tokio::test]
async fn a_server_that_repeats_a_password_is_not_quoted() {
    let server = Server::with(&["--rename-command", "AUTH", ""]);
    let url = format!("redis://user:{SECRET}@127.0.0.1:{}", server.port());
    let error = Connection::connect(url).await.unwrap_err();
    let text = format!("{error} {error:?} {:?}", std::error::Error::source(&error));
    assert!(!text.contains(SECRET), "{text}");
}

/// A real one repeats 128 bytes.
#[tokio::test]
async fn a_server_that_repeats_a_part_of_a_password_is_not_quoted() {
    let port = fake::server(|_, command| {
        let args = format!("'{}", command[1..].join("' '"));
        let some = &args[..args.len().min(128)];
        let name = &command[0];
        Some(format!(
            "-ERR unknown command '{name}', with args beginning with: {some}\r\n"
        ))
    });
    let password = SECRET.repeat(20);
    for query in ["", "?protocol=2"] {
        let url = format!("redis://user:{password}@127.0.0.1:{port}/{query}");
        let error = Connection::connect(url).await.unwrap_err();
        let source = std::error::Error::source(&error);
        let text = format!("{error} {error:?} {source:?}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn a_user_needs_rights_to_scripts_and_keys() {
    let rights = |rights: &str| {
        let user = format!("--user app on >{SECRET} {rights}");
        let server = Server::with(&user.split(' ').collect::<Vec<_>>());
        let url = format!("redis://app:{SECRET}@127.0.0.1:{}", server.port());
        (server, url)
    };
    let (_few, url) = rights("~* +@all -evalsha");
    refused(
        &Connection::connect(url).await.unwrap_err(),
        "user",
        &["app", "NOPERM"],
    );
    let (_elsewhere, url) = rights("~other:* +@all");
    refused(
        &Connection::connect(url).await.unwrap_err(),
        "user",
        &["app", "NOPERM"],
    );

    let all = "~shop:* +eval +evalsha +incr +time +get +set +del +pexpire +pttl +rpush +llen +lindex +ltrim";
    for right in all.split(" +").skip(4) {
        let (_less, url) = rights(&format!("{all} -{right}"));
        let error = builder(url).prefix("shop").connect().await.unwrap_err();
        refused(&error, "user", &["app", "script"]);
    }
    let (_enough, url) = rights(all);
    let redis = builder(url).prefix("shop").connect().await.unwrap();
    assert_eq!(count(&redis, "shop:{k}").await.unwrap(), 1);
}

#[tokio::test]
async fn a_database_must_exist() {
    let server = Server::start();
    let error = Connection::connect(format!("{}99", server.url()))
        .await
        .unwrap_err();
    refused(&error, "database", &["99", "out of range"]);

    let redis = builder(format!("{}3", server.url()))
        .connect()
        .await
        .unwrap();
    count(&redis, "k").await.unwrap();
    let mut client = server.client();
    redis::cmd("SELECT").arg(3).exec(&mut client).unwrap();
    let counted: i64 = redis::cmd("GET").arg("k").query(&mut client).unwrap();
    assert_eq!(counted, 1);
}

#[tokio::test]
async fn a_server_and_a_cluster_are_not_taken_for_each_other() {
    let server = Server::start();
    let taken = builder(Place::cluster([server.url()]))
        .connect()
        .await
        .unwrap_err();
    refused(&taken, "server", &["cluster", "Server::single"]);
    let cluster = Cluster::start();
    let redis = builder(cluster.nodes[0].url()).lazy().unwrap();
    let mut keys = (0..).map(|n| format!("k{n}"));
    let far = keys.find(|key| Cluster::first_owner(cluster.slot(key)) != 0);
    let error = count(&redis, &far.unwrap()).await.unwrap_err();
    refused(&error, "single server", &["Server::cluster"]);
    let database = builder(Place::cluster(["redis://localhost/3"]))
        .lazy()
        .unwrap_err();
    refused(&database, "database", &["3", "0 in a cluster"]);
}

#[test]
fn wrong_settings_are_errors_without_a_server() {
    let refuse = |builder: sluicegate::redis::Builder| builder.lazy().unwrap_err();
    let good = || builder("redis://localhost");
    for url in [
        "localhost",
        "http://localhost",
        "redis://localhost/database",
    ] {
        refused(
            &refuse(builder(url)),
            "url",
            &["redis://user:password@localhost"],
        );
    }
    let secret = format!("redis//user:{SECRET}@localhost");
    refused(&refuse(builder(secret)), "url", &["localhost"]);
    refused(
        &refuse(builder(Place::cluster::<&str>([]))),
        "url",
        &["one or more"],
    );
    refused(
        &refuse(builder(Place::sentinel::<&str>([], "m"))),
        "url",
        &["one or more"],
    );
    for prefix in ["", "a{b", "a}b", "a:b", "ä", &"x".repeat(65)] {
        refused(&refuse(good().prefix(prefix)), "prefix", &["1 to 64"]);
    }
    refused(&refuse(good().timeout(Duration::ZERO)), "timeout", &["0ns"]);
    refused(
        &refuse(good().timeout(Duration::MAX)),
        "timeout",
        &["an hour"],
    );
    let breaker = |failures, every| refuse(good().breaker(failures, every));
    refused(
        &breaker(0, Duration::from_secs(1)),
        "breaker failures",
        &["1 or more"],
    );
    refused(&breaker(1, Duration::ZERO), "breaker probe_every", &["1ms"]);
}

#[tokio::test]
async fn unix_sockets_work() {
    let scratch = crate::scratch::Scratch::new();
    let socket = format!("{}/redis.sock", scratch.path());
    let _server = Server::with(&["--unixsocket", &socket]);
    let redis = builder(format!("unix://{socket}")).connect().await.unwrap();
    assert_eq!(count(&redis, "k").await.unwrap(), 1);
}
