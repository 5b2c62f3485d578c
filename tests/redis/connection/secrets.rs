//! No error and no log contains a server's text, except for known codes.

use std::{error::Error as _, time::Duration};

use sluicegate::{
    idempotency::{self, Store},
    limit::{FailClosed, Quota, Redis, TokenBucket},
    redis::{Connection, Error, Server as Place},
};

use super::{builder, count};
use crate::{
    fake,
    idempotency::{name, request},
    log::Log,
    server::Server,
};

const SECRET: &str = "hunter2";

/// Returns everything that an error shows.
fn seen(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut source = error.source();
    while let Some(inner) = source {
        text += &format!(" {inner} {inner:?} {inner:#?}");
        source = inner.source();
    }
    text
}

fn is_kept(error: &(dyn std::error::Error + 'static)) {
    let text = seen(error);
    assert!(!text.contains(SECRET), "{text}");
}

/// Errors of servers and proxies, which repeat the secret.
const SAYINGS: [&str; 7] = [
    "-ERR unknown command 'X', with args beginning with: 'hunter2'\r\n",
    "-NOPERM User hunter2 has no permissions to access the 'hunter2' key\r\n",
    "-WRONGTYPE hunter2\r\n",
    "-HUNTER2 hunter2\r\n",
    "-hunter2\r\n",
    "-ERR Error running script (call to f_1): @user_script:1: -hunter2 hunter2\r\n",
    "hunter2 says no\r\n",
];

/// A server that replies to one command with this error, and to others normally.
fn says(command: &'static str, saying: &'static str) -> u16 {
    fake::server(move |_, asked| match asked[0].as_str() {
        it if it == command => Some(saying.to_owned()),
        "EVAL" | "EVALSHA" => fake::numbered(asked, ":1\r\n"),
        "PING" => Some("+PONG\r\n".to_owned()),
        "CLUSTER" => Some("*0\r\n".to_owned()),
        "ROLE" => Some("*1\r\n$6\r\nmaster\r\n".to_owned()),
        _ => Some("+OK\r\n".to_owned()),
    })
}

#[tokio::test]
async fn no_error_repeats_what_a_server_says() {
    let (log, _logging) = Log::begin();
    for saying in SAYINGS {
        for command in [
            "HELLO", "AUTH", "SELECT", "EVALSHA", "EVAL", "CLUSTER", "SENTINEL",
        ] {
            for query in ["", "?protocol=2"] {
                let port = says(command, saying);
                let url = format!("redis://app:password@127.0.0.1:{port}/3{query}");
                let place = match command {
                    "CLUSTER" => Place::cluster([url.replace("/3", "/0")]),
                    "SENTINEL" => Place::sentinel([url], "mymaster"),
                    _ => Place::single(url),
                };
                let redis = builder(place).timeout(Duration::from_millis(50));
                if let Err(error) = redis.clone().connect().await {
                    is_kept(&error);
                }
                let redis = redis.lazy().unwrap();
                for _ in 0..4 {
                    if let Err(error) = count(&redis, "k").await {
                        is_kept(&error);
                    }
                }
                assert!(!format!("{redis:?}").contains(SECRET));
            }
        }
    }
    let lines = log.lines("");
    assert!(lines.iter().any(|line| line.contains("redis is failing")));
    assert!(!lines.concat().contains(SECRET), "{lines:#?}");
}

#[tokio::test]
async fn no_error_of_a_script_repeats_what_a_server_says() {
    for saying in SAYINGS {
        let port = fake::server(move |_, asked| match asked[0].as_str() {
            "EVAL" | "EVALSHA" if !asked.concat().contains("probe") => {
                fake::numbered(asked, saying)
            }
            "EVAL" | "EVALSHA" => fake::numbered(asked, ":1\r\n"),
            _ => Some("+OK\r\n".to_owned()),
        });
        let url = format!("redis://127.0.0.1:{port}/?protocol=2");
        let redis = builder(url).connect().await.unwrap();
        is_kept(&count(&redis, "k").await.unwrap_err());
    }
}

/// Real ones name keys and users.
#[tokio::test]
async fn errors_show_codes_and_no_keys() {
    let server = Server::with(&[
        "--user",
        SECRET,
        "on",
        "nopass",
        "~sluicegate:{probe*",
        "+@all",
    ]);
    let redis = builder(server.url()).connect().await.unwrap();
    let mut client = server.client();
    redis::cmd("SET")
        .arg(SECRET)
        .arg("text")
        .exec(&mut client)
        .unwrap();
    let error = count(&redis, SECRET).await.unwrap_err();
    is_kept(&error);
    assert!(
        error.to_string().contains("ERR (a number is out of range)"),
        "{error}"
    );

    let url = server.url().replace("//", &format!("//{SECRET}:any@"));
    let redis = builder(url).connect().await.unwrap();
    let rule = TokenBucket::new(Quota::per_second(1));
    let limiter = Redis::new("api", rule, &redis, FailClosed);
    let denied = limiter.check(SECRET, 1).await.unwrap_err();
    let store = idempotency::Redis::new("orders", &redis);
    let refused = store.claim(name(SECRET), request()).await.unwrap_err();
    for text in [seen(&denied), seen(&refused)] {
        assert!(text.contains("NOPERM") && !text.contains(SECRET), "{text}");
    }
}

#[tokio::test]
async fn an_unknown_host_is_explained() {
    for (url, words) in [
        ("redis://127.0.0.1:1/", "refused"),
        ("redis://no.such.host.invalid/", "name of the host"),
    ] {
        let error: Error = Connection::connect(url).await.unwrap_err();
        assert!(error.source().is_none());
        assert!(error.to_string().contains(words), "{error}");
    }
}
