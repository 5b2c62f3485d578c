use sluicegate::redis::{Connection, ErrorKind};

use super::{
    instance::{FIVE_MINUTES, Instance},
    sums,
};
use crate::{
    connection::{builder, until},
    server::Server,
};

/// The rights that a user needs according to the docs, beside those for all
/// scripts.
const RIGHTS: [&str; 11] = [
    "+hdel",
    "+hget",
    "+hgetall",
    "+hincrby",
    "+hmget",
    "+hset",
    "+hsetnx",
    "+pexpire",
    "+zadd",
    "+zrangebyscore",
    "+zrem",
];

const PROBED: [&str; 10] = [
    "+time", "+get", "+set", "+del", "+rpush", "+llen", "+lindex", "+ltrim", "+pexpire", "+pttl",
];

fn acl(server: &Server, rights: &[&str]) {
    let mut set = redis::cmd("ACL");
    let set = set.arg("SETUSER").arg("app").arg(rights);
    set.exec(&mut server.client()).unwrap();
}

/// As a user who has the rights to the keys of a prefix only.
async fn connect(server: &Server) -> Connection {
    acl(server, &["on", ">secret", "~shop:*", "+evalsha", "+eval"]);
    acl(server, &RIGHTS);
    acl(server, &PROBED);
    let url = format!("redis://app:secret@127.0.0.1:{}/", server.port());
    // One that asks even a server that refuses.
    let builder = builder(url).breaker(u32::MAX, std::time::Duration::from_secs(1));
    builder.prefix("shop").connect().await.unwrap()
}

#[tokio::test]
async fn the_rights_of_the_docs_are_enough_and_none_is_too_much() {
    let server = Server::start();
    let connection = connect(&server).await;
    let mut instance = Instance::new(1, &connection);
    let gone = Instance::new(2, &connection);
    for right in RIGHTS {
        let without = right.replace('+', "-");
        instance.serve(10).await;
        // So that there is something to forget.
        gone.redis.flush_at(Some(1_000_000)).await.unwrap();
        acl(&server, &[&without]);
        let flushed = instance.redis.flush().await;
        let read = instance.redis.read(FIVE_MINUTES).await;
        let failed = flushed.is_err() || read.is_err();
        assert!(failed, "{right} is not needed");
        for error in [flushed.err(), read.err()].into_iter().flatten() {
            assert_eq!(error.kind(), ErrorKind::Server, "{error}");
        }
        acl(&server, &[right]);
        let shipped = || async { instance.redis.flush().await.is_ok() };
        until("it is shipped", shipped).await;
        // Half a flush has counted nothing.
        let fleet = instance.redis.read(FIVE_MINUTES).await.unwrap();
        let counted = instance.registry.snapshot();
        assert_eq!(sums::of([&fleet.snapshot]), sums::of([&counted]), "{right}");
    }
}
