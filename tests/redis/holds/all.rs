//! Holds in several limits of one Redis.

use std::time::Duration;

use sluicegate::{
    limit::{
        All, FailClosed, FailOpen, FixedWindow, HoldLimiter, OneKey, Quota, Redis, SlidingLog,
        SlidingWindow, TokenBucket,
    },
    redis::Connection,
};

use super::{Ledger, accounts_for, connect, daily, left, until_left};
use crate::{connection::until, server::Server};

type Bucket = Redis<TokenBucket, FailClosed>;
type Window = Redis<SlidingWindow, FailClosed>;
type Log = Redis<SlidingLog, FailClosed>;

/// Limits of 10, 15 and 20.
fn limits(connection: &Connection) -> (Bucket, Window, Log) {
    (
        Redis::new("user", TokenBucket::new(daily(10)), connection, FailClosed),
        Redis::new(
            "tenant",
            SlidingWindow::new(daily(15)),
            connection,
            FailClosed,
        ),
        Redis::new("log", SlidingLog::new(daily(20)), connection, FailClosed),
    )
}

/// How often scripts were called since the last time.
fn calls(server: &Server) -> u64 {
    let mut client = server.client();
    let stats: String = redis::cmd("INFO")
        .arg("commandstats")
        .query(&mut client)
        .unwrap();
    redis::cmd("CONFIG")
        .arg("RESETSTAT")
        .exec(&mut client)
        .unwrap();
    let calls = |line: &str| {
        line.split_once("calls=")?
            .1
            .split_once(',')?
            .0
            .parse::<u64>()
            .ok()
    };
    let lines = stats
        .lines()
        .filter(|line| line.starts_with("cmdstat_eval"));
    lines.filter_map(calls).sum()
}

fn of(server: &Server, limit: &str) -> Ledger {
    Ledger::of_keys(server, &format!("*{{{limit}:k}}*"))
}

#[tokio::test]
async fn a_hold_and_its_settlement_are_two_commands_for_all_limits() {
    let server = Server::start();
    let (user, tenant, log) = limits(&connect(&server).await);
    let all = All((user.clone(), tenant.clone(), log.clone())).one_key();
    // The server learns the script.
    all.hold("k", 1).await.unwrap().give_back();
    until("it is settled", async || {
        of(&server, "log").sum("given back") == 1
    })
    .await;
    calls(&server);
    for n in 1..=8 {
        all.hold("k", 2).await.unwrap().settle(1);
        until("it is settled", async || {
            of(&server, "log").sum("settled") == n
        })
        .await;
    }
    assert_eq!(calls(&server), 16);
    let left = (left(&user).await, left(&tenant).await, left(&log).await);
    assert_eq!(left, (2, 7, 12));
    for limit in ["user", "tenant", "log"] {
        let ledger = of(&server, limit);
        assert_eq!((ledger.unaccounted(), ledger.open.len()), (0, 0), "{limit}");
    }
}

#[tokio::test]
async fn a_limit_that_denies_leaves_no_charge_in_the_others_for_a_moment() {
    let server = Server::start();
    let (user, tenant, log) = limits(&connect(&server).await);
    let all = All((user, tenant, log.clone())).one_key();
    log.debit("k", 18).await.unwrap();
    let denied = all.hold("k", 3).await.unwrap_err();
    assert_eq!(denied.denial().map(|denial| denial.limit()), Some(20));
    for limit in ["user", "tenant", "log"] {
        assert_eq!(of(&server, limit).sum("charged"), 0, "{limit}");
    }
}

#[tokio::test]
async fn a_bucket_that_occurs_twice_is_settled_for_both() {
    let server = Server::start();
    let (user, tenant, _) = limits(&connect(&server).await);
    let all = All((user.clone(), tenant.clone(), user.clone())).one_key();
    let hold = all.hold("k", 3).await.unwrap();
    assert_eq!((left(&user).await, left(&tenant).await), (4, 12));
    hold.settle(1);
    until_left(&user, 8).await;
    until_left(&tenant, 14).await;
}

#[tokio::test]
async fn a_crash_leaves_each_limit_an_orphan_that_lapses() {
    let server = Server::start();
    let connection = connect(&server).await;
    let limit = |name| {
        let rule = FixedWindow::new(daily(10));
        let builder = Redis::builder(name, rule, &connection);
        let builder = builder.hold_term(Duration::from_millis(1));
        builder.give_back_orphans().build(FailClosed)
    };
    let (user, tenant) = (limit("user"), limit("tenant"));
    let all = All((user.clone(), tenant.clone())).one_key();
    std::mem::forget(all.hold("k", 4).await.unwrap());
    until("both lapse", async || {
        all.hold("k", 0).await.unwrap().keep();
        [&user, &tenant]
            .iter()
            .all(|it| it.counts().lapsed_holds >= 1)
    })
    .await;
    assert_eq!((left(&user).await, left(&tenant).await), (10, 10));
    let charged = ["user", "tenant"].map(|limit| of(&server, limit).sum("lapsed"));
    assert_eq!(charged, [4, 4]);
}

#[tokio::test]
async fn a_limit_that_cannot_be_read_holds_by_its_policy() {
    let server = Server::start();
    let connection = connect(&server).await;
    let (user, tenant, _) = limits(&connection);
    let open = Redis::new("open", TokenBucket::new(daily(5)), &connection, FailOpen);
    let all = All((user.clone(), open.clone(), tenant.clone())).one_key();
    open.debit("k", 1).await.unwrap();
    let mut client = server.client();
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg("*{open:k}*")
        .query(&mut client)
        .unwrap();
    redis::cmd("SET")
        .arg(&[&keys[0], "garbage"])
        .exec(&mut client)
        .unwrap();
    let hold = all.hold("k", 4).await.unwrap();
    assert_eq!((left(&user).await, left(&tenant).await), (6, 11));
    hold.settle(1);
    until_left(&user, 9).await;
    until_left(&tenant, 14).await;
    // Nothing stays charged if a policy refuses.
    let closed = Redis::new("open", TokenBucket::new(daily(5)), &connection, FailClosed);
    let all = All((user.clone(), closed, tenant.clone())).one_key();
    assert!(all.hold("k", 4).await.unwrap_err().denial().is_none());
    until_left(&user, 9).await;
    until_left(&tenant, 14).await;
}

#[tokio::test]
async fn more_holds_than_a_key_keeps_are_settled_too() {
    let server = Server::start();
    let connection = connect(&server).await;
    let limit = |name| {
        let rule = TokenBucket::new(daily(1_000));
        Redis::new(name, rule, &connection, FailClosed)
    };
    let (user, tenant) = (limit("user"), limit("tenant"));
    let all = All((user.clone(), tenant.clone())).one_key();
    let mut holds = Vec::new();
    for _ in 0..70 {
        holds.push(all.hold("k", 3).await.unwrap());
    }
    let ends: [fn(_); 3] = [
        |it: sluicegate::limit::Hold| it.settle(1),
        |it| it.settle(5),
        |it| it.keep(),
    ];
    holds
        .into_iter()
        .zip(ends.iter().cycle())
        .for_each(|(hold, end)| end(hold));
    // 24 for 1, 23 for 5 and 23 for 3.
    until_left(&user, 1_000 - 24 - 115 - 69).await;
    until_left(&tenant, 1_000 - 24 - 115 - 69).await;
}

type Three = All<OneKey<(Bucket, Window, Log)>>;

fn busy(connection: &Connection) -> Three {
    let quota = Quota::per_second(20);
    All((
        Redis::new("user", TokenBucket::new(quota), connection, FailClosed),
        Redis::new("tenant", SlidingWindow::new(quota), connection, FailClosed),
        Redis::new("log", SlidingLog::new(quota), connection, FailClosed),
    ))
    .one_key()
}

#[test]
fn what_is_charged_to_several_limits_is_accounted_for() {
    accounts_for(&["user", "tenant", "log"], busy);
}
