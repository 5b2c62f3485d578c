//! States that cannot be read: they are errors, which the policy decides, and stay
//! as they are.

use std::time::Duration;

use futures_util::future::join_all;
use redis::Value;
use sluicegate::{
    clock::Tick,
    limit::{
        All, Cost, FailClosed, FailOpen, FixedWindow, LeakyBucket, Local, OrElse, Policy, Quota,
        Redis, Scripted, SlidingLog, SlidingWindow, TokenBucket, Wait,
        testing::{GivenBack, Operation, UndoRequest, batch, terms},
    },
    redis::{Connection, ErrorKind},
};

use crate::{log::Log, server::Server};

const NOW: Tick = 1_700_000_000_000_000;

/// Values that a rule never writes under its own name: garbage, another type, the
/// state of another rule, and states of a later version.
const STRAYS: [&[&str]; 17] = [
    &["SET", ""],
    &["SET", "\0\u{1}\0"],
    &["SET", "1 2"],
    &["SET", "99999999999999999999 1 1 1 1 t"],
    &["SET", "1700000000000000 9007199254740991 0 0 0 t"],
    &["SET", "1700000000000000 9007199254740991 1 1 1 x"],
    &["SET", "1700000000000000 1 1 1 1 t2"],
    &["SET", "2 1700000000000000 1 1 1 1 t"],
    &["SET", "1700000000 9 9 0 s"],
    &["SET", "1700000000 -9 9 1000000 f"],
    &["SET", "9007199254740990 0 1 86400000000 f"],
    &["SET", "9007199254740990 0 1 86400000000 s"],
    &["HSET", "a", "1"],
    &["RPUSH", "a", "b"],
    &["RPUSH", "", "1700000000000000 3 3"],
    &["RPUSH", "1700000000000000 3 3", "1700000000000001 3 1"],
    &["SADD", "a"],
];

fn hourly(amount: u64) -> Quota {
    Quota::per_hour(amount)
}

fn tokens(amount: u64) -> TokenBucket {
    TokenBucket::new(hourly(amount))
}

async fn connect(server: &Server) -> Connection {
    // No call is late, however busy the machine is.
    let patient = Connection::builder(server.url().as_str()).timeout(Duration::from_secs(15));
    patient.connect().await.expect("it is up")
}

/// Leaves something else under a key.
fn leave(client: &mut redis::Connection, key: &str, stray: &[&str]) {
    let mut put = redis::pipe();
    put.cmd("DEL").arg(key).ignore();
    put.cmd(stray[0]).arg(key).arg(&stray[1..]).ignore();
    put.exec(client).unwrap();
}

fn dump(client: &mut redis::Connection, key: &str) -> Value {
    redis::cmd("DUMP").arg(key).query(client).unwrap()
}

/// Returns the reply of the script to entries for a key between two others.
fn answers<R: Scripted>(
    client: &mut redis::Connection,
    rule: &R,
    entries: &[Operation],
) -> Vec<Value> {
    let own = entries.iter().map(|entry| (b"stray".as_slice(), *entry));
    let mut all = vec![(b"before".as_slice(), Operation::Reset)];
    all.extend(own);
    all.push((b"behind".as_slice(), Operation::Reset));
    let call = batch::<R>(&terms(rule), Some(NOW), None, all.into_iter());
    let reply: Vec<Value> = R::script().call_with_source(&call).query(client).unwrap();
    assert_eq!(reply[0], Value::Int(NOW as i64));
    assert_eq!(
        (&reply[1], reply.last()),
        (&Value::Int(1), Some(&Value::Int(1)))
    );
    reply[2..reply.len() - 1].to_vec()
}

fn undo(at: Tick) -> UndoRequest {
    UndoRequest {
        cost: 1,
        at,
        mark: 7,
        given_back: GivenBack::default(),
    }
}

/// No entry but a reset changes such a state, and none keeps the others of its
/// call from being worked off.
fn refuses<R: Scripted>(client: &mut redis::Connection, rule: R) {
    let entries = [
        Operation::Check(1),
        Operation::Check(0),
        Operation::Reserve(3, 1, 1 << 40),
        Operation::UpTo(2),
        Operation::Credit(1),
        Operation::Debit(1),
        Operation::GiveBack(undo(NOW + 5)),
        Operation::Undo(undo(NOW - 5)),
    ];
    for stray in STRAYS {
        leave(client, "stray", stray);
        let before = dump(client, "stray");
        let told = answers(client, &rule, &entries);
        assert_eq!(told, [const { Value::Int(-1) }; 8], "{rule:?} at {stray:?}");
        if rule.can_lease() {
            let leases = [Operation::Lease(4, 0, 0), Operation::Return(1, 1, 1)];
            assert_eq!(
                answers(client, &rule, &leases),
                [Value::Int(-1), Value::Int(-1)]
            );
        }
        assert_eq!(dump(client, "stray"), before, "{rule:?} at {stray:?}");
        assert_eq!(answers(client, &rule, &[Operation::Reset]), [Value::Int(1)]);
        assert_eq!(dump(client, "stray"), Value::Nil);
    }
}

#[test]
fn an_unknown_layout_is_neither_read_nor_written() {
    let server = Server::start();
    let client = &mut server.client();
    let quota = Quota::per_day(3).burst(3);
    refuses(client, TokenBucket::new(quota));
    refuses(client, LeakyBucket::meter(quota));
    refuses(client, LeakyBucket::new(quota));
    refuses(client, FixedWindow::new(quota));
    refuses(client, SlidingWindow::new(quota));
    refuses(client, SlidingLog::new(quota));
}

/// Only what a search meets of a log is read.
#[test]
fn garbage_within_a_log_is_found_when_it_is_met() {
    let server = Server::start();
    let client = &mut server.client();
    let rule = SlidingLog::new(Quota::per_day(9));
    let entry = |nth: u64| format!("{} 1 {nth}", NOW - 100 + nth);
    let (first, last) = (entry(1), entry(9));
    for middle in ["x", "", "1 2", "1700000000000000 1 9007199254740990"] {
        let mut stray = vec!["RPUSH", &first];
        stray.extend([middle; 7]);
        stray.push(&last);
        leave(client, "stray", &stray);
        let before = dump(client, "stray");
        for entry in [Operation::Check(5), Operation::Credit(5)] {
            assert_eq!(
                answers(client, &rule, &[entry]),
                [Value::Int(-1)],
                "{middle:?} {entry:?}"
            );
            assert_eq!(dump(client, "stray"), before);
        }
    }
}

/// How much passes of 40 checks by turns.
async fn passed<A: Scripted, B: Scripted>(old: A, new: B, connection: &Connection) -> [Cost; 2] {
    let old = Redis::new("api", old, connection, FailClosed);
    let new = Redis::new("api", new, connection, FailClosed);
    let mut passed = [0, 0];
    for _ in 0..40 {
        passed[0] += u64::from(old.check("ann", 1).await.unwrap().is_admitted());
        passed[1] += u64::from(new.check("ann", 1).await.unwrap().is_admitted());
    }
    passed
}

#[tokio::test]
async fn rules_of_one_name_keep_a_limit_each() {
    let quota = Quota::per_day(20).burst(20);
    let (bucket, window) = (TokenBucket::new(quota), SlidingWindow::new(quota));
    let (queue, meter) = (LeakyBucket::new(quota), LeakyBucket::meter(quota));
    let (log, fixed) = (SlidingLog::new(quota), FixedWindow::new(quota));
    let server = Server::start();
    let connection = connect(&server).await;
    assert_eq!(passed(bucket, window, &connection).await, [20, 20]);
    assert_eq!(passed(bucket, window, &connection).await, [0, 0]);
    assert_eq!(passed(queue, meter, &connection).await, [21, 20]);
    assert_eq!(passed(log, fixed, &connection).await, [20, 20]);
    let mut names: Vec<String> = redis::cmd("KEYS")
        .arg("*ann*")
        .query(&mut server.client())
        .unwrap();
    names.sort();
    let expected =
        ["f", "l", "m", "q", "s", "t"].map(|kind| format!("sluicegate:{{api:ann}}:{kind}"));
    assert_eq!(names, expected);
}

/// A limiter of five an hour, and the name of a bucket that cannot be read.
async fn beside_garbage<P: Policy>(server: &Server, policy: P) -> Redis<TokenBucket, P> {
    let key = "sluicegate:{api:ann@example.org}:t";
    leave(&mut server.client(), key, &["SET", "3 of 5"]);
    let connection = Connection::builder(server.url().as_str()).breaker(1, Duration::from_secs(60));
    let patient = connection.timeout(Duration::from_secs(15));
    let connection = patient.connect().await.unwrap();
    Redis::new("api", tokens(5), &connection, policy)
}

const ANN: &str = "ann@example.org";

#[tokio::test]
async fn the_policy_decides_about_a_state_that_cannot_be_read() {
    let server = Server::start();
    let closed = beside_garbage(&server, FailClosed).await;
    for _ in 0..3 {
        let error = closed.check(ANN, 1).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreadable, "{error}");
        assert!(!error.to_string().contains("example"), "{error}");
        assert!(closed.peek(ANN).await.is_err() && closed.check_up_to(ANN, 1).await.is_err());
        let max_wait = Wait::up_to(Duration::from_secs(9));
        assert!(closed.until_ready(ANN, 1, max_wait).await.is_err());
        assert!(closed.credit(ANN, 1).await.is_err() && closed.debit(ANN, 1).await.is_err());
    }
    assert_eq!(closed.counts().unreadable, 18);
    let open = beside_garbage(&server, FailOpen).await;
    for _ in 0..9 {
        assert!(open.check(ANN, 1).await.unwrap().is_admitted());
    }
    assert_eq!(open.counts().fell_back, 9);
    let local = beside_garbage(&server, OrElse(Local::keyed(tokens(2)))).await;
    let mut passed = 0;
    for _ in 0..9 {
        passed += u64::from(local.check(ANN, 1).await.unwrap().is_admitted());
    }
    assert_eq!(passed, 2);
    // It does not count as an outage, and other keys are limited as before.
    let mut passed = 0;
    for _ in 0..9 {
        passed += u64::from(open.check("bob", 1).await.unwrap().is_admitted());
    }
    assert_eq!(passed, 5);
}

#[tokio::test]
async fn an_unreadable_key_fails_no_other_check_of_the_call() {
    let server = Server::start();
    let limiter = beside_garbage(&server, FailClosed).await;
    let keys: Vec<_> = (0..60).map(|nth| [ANN, "bob", "eve"][nth % 3]).collect();
    let answers = join_all(keys.iter().map(|key| limiter.check(*key, 1))).await;
    assert!(limiter.counts().calls < 10, "they share calls");
    let mut admitted = 0;
    for (key, answer) in keys.iter().zip(answers) {
        match answer {
            Ok(decision) => admitted += u64::from(decision.is_admitted()),
            Err(error) => assert_eq!((*key, error.kind()), (ANN, ErrorKind::Unreadable)),
        }
    }
    assert_eq!(admitted, 10);
    assert_eq!(limiter.counts().unreadable, 20);
}

#[tokio::test]
async fn it_is_told_once_and_names_no_key() {
    let server = Server::start();
    let (log, _logging) = Log::begin();
    let limiter = beside_garbage(&server, FailOpen).await;
    for _ in 0..50 {
        limiter.check(ANN, 1).await.unwrap();
        let _ = limiter.debit(ANN, 1).await;
    }
    let told = log.lines("WARN");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("limiter=\"api\"") && !told[0].contains("example"),
        "{told:?}"
    );
    // As `printf %s <name> | sha256sum` says.
    assert!(told[0].contains("key_sha256=\"6dce"), "{told:?}");
}

#[tokio::test]
async fn a_reset_makes_way() {
    let server = Server::start();
    let limiter = beside_garbage(&server, FailClosed).await;
    assert!(limiter.check(ANN, 1).await.is_err());
    limiter.reset(ANN).await.unwrap();
    assert_eq!(limiter.check(ANN, 1).await.unwrap().remaining(), 4);
}

/// Or else one garbled key would switch all the limits off that are asked with it.
#[tokio::test]
async fn several_limits_are_charged_though_one_cannot_be_read() {
    let server = Server::start();
    let garbled = beside_garbage(&server, FailOpen).await;
    let connection = connect(&server).await;
    let tenant = Redis::new("tenant", tokens(3), &connection, FailClosed);
    let open = Redis::new("api", tokens(5), &connection, FailOpen);
    let all = All((open, tenant.clone()));
    let mut passed = 0;
    for _ in 0..9 {
        passed += u64::from(all.check(&(ANN, "acme"), 1).await.unwrap().is_admitted());
    }
    assert_eq!(passed, 3);
    drop(garbled);
}

#[tokio::test]
async fn several_limits_are_given_back_if_one_cannot_be_read_and_refuses() {
    let server = Server::start();
    let closed = beside_garbage(&server, FailClosed).await;
    let connection = connect(&server).await;
    let tenant = |name| Redis::new(name, tokens(3), &connection, FailClosed);
    let (first, last) = (tenant("first"), tenant("last"));
    let api = Redis::new("api", tokens(5), &connection, FailClosed);
    let all = All((first.clone(), api, last.clone()));
    for _ in 0..9 {
        let error = all.check(&("acme", ANN, "acme"), 1).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreadable);
    }
    for limiter in [first, last] {
        let given_back = || async { limiter.peek("acme").await.unwrap().remaining() == 3 };
        crate::connection::until("it is given back", given_back).await;
    }
    drop(closed);
}
