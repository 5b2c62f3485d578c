//! A server that drops buckets when it is full.

use std::{future::ready, time::Duration};

use sluicegate::{
    limit::{All, FailClosed, Quota, Redis, TokenBucket},
    redis::Connection,
};

use crate::{connection::until, log::Log, server::Server};

/// The server, and a connection of its own, of which the policy is this.
async fn with_policy(policy: &str) -> (Server, Connection) {
    let server = Server::with(&["--maxmemory-policy", policy]);
    let patient = Connection::builder(server.url().as_str()).timeout(Duration::from_secs(15));
    let connection = patient.connect().await.unwrap();
    (server, connection)
}

fn limiter(name: &str, connection: &Connection) -> Redis<TokenBucket, FailClosed> {
    let rule = TokenBucket::new(Quota::per_hour(1_000));
    Redis::new(name, rule, connection, FailClosed)
}

/// How often the server was asked for its memory.
fn asked(server: &Server) -> u64 {
    let info: String = redis::cmd("INFO")
        .arg("commandstats")
        .query(&mut server.client())
        .unwrap();
    let calls = info.split("cmdstat_info:calls=").nth(1);
    let calls = calls.map(|calls| calls.split(',').next().unwrap().parse::<u64>().unwrap());
    calls.unwrap_or(0)
}

#[tokio::test]
async fn each_limiter_warns_once_of_a_policy_that_drops_its_buckets() {
    let (log, _logging) = Log::begin();
    for policy in ["allkeys-lru", "volatile-ttl"] {
        let (_server, connection) = with_policy(policy).await;
        for name in ["api", "mail"] {
            let limiter = limiter(name, &connection);
            let warned = || {
                let warnings = log.lines(&format!("policy=\"{policy}\""));
                let own = warnings.iter().filter(|line| line.contains(name));
                own.count()
            };
            limiter.check("k", 1).await.unwrap();
            until("it is told", || ready(warned() == 1)).await;
            for _ in 0..20 {
                limiter.check("k", 1).await.unwrap();
            }
            assert_eq!(warned(), 1);
        }
        // It is not among what was asked for.
        assert_eq!(connection.stats().calls, 42);
    }
}

#[tokio::test]
async fn a_safe_eviction_policy_is_not_logged() {
    let (log, _logging) = Log::begin();
    let (server, connection) = with_policy("noeviction").await;
    let limiter = limiter("api", &connection);
    let before = asked(&server);
    limiter.check("k", 1).await.unwrap();
    // One of them is the question for how often it was asked.
    let mut own = 0;
    until("the policy is asked for", || {
        own += 1;
        ready(asked(&server) > before + own)
    })
    .await;
    limiter.check("k", 1).await.unwrap();
    assert_eq!(log.lines("WARN"), Vec::<String>::new());
}

#[tokio::test]
async fn several_limits_in_one_call_warn_too() {
    let (log, _logging) = Log::begin();
    let (_server, connection) = with_policy("allkeys-lru").await;
    let all = All((limiter("api", &connection), limiter("mail", &connection)));
    all.check(&("k", "k"), 1).await.unwrap();
    let warned = || ready(log.lines("allkeys-lru").len() == 2);
    until("both are told", warned).await;
}
