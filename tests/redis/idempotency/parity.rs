//! The script and the rule in Rust (`idempotency::state`), at the same instants.
//!
//! `SLUICEGATE_PARITY_STEPS` sets how many steps they take.

use std::{env, time::Duration};

use proptest::test_runner::{Config, TestRunner};
use redis::Commands;
use sluicegate::{clock::Manual, idempotency::Redis};
use tokio::runtime::Runtime;

use super::model::{Subject, play_to, steps};
use crate::connection::builder;
use crate::server::Server;

struct InRedis {
    store: Redis,
    clock: Manual,
}

impl Subject for InRedis {
    type Store = Redis;

    fn store(&self) -> &Redis {
        &self.store
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }
}

/// The usual number of steps in a history.
fn histories() -> u32 {
    let said = env::var("SLUICEGATE_PARITY_STEPS").ok();
    said.map_or(10_000, |said| said.parse().expect("whole steps")) / 30
}

#[test]
fn it_goes_by_the_state_rules() {
    let server = Server::start();
    let runtime = Runtime::new().unwrap();
    let connection = runtime.block_on(builder(server.url()).connect()).unwrap();
    let clock = Manual::new();
    let store = Redis::at("orders", &connection, clock.clone());
    let subject = InRedis { store, clock };
    let config = Config {
        failure_persistence: None,
        ..Config::with_cases(histories())
    };
    let played = TestRunner::new(config).run(&steps(), |steps| {
        runtime.block_on(play_to(&subject, &steps));
        Ok(())
    });
    played.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(subject.store.counts().repeated == 0 && connection.stats().failures == 0);
    all_expire(&server);
}

/// Every key has an expiry.
fn all_expire(server: &Server) {
    let mut client = server.client();
    let keys: Vec<String> = client.keys("*").unwrap();
    for key in &keys {
        let left: i64 = client.pttl(key).unwrap();
        assert!(left > 0, "{key} stays for ever");
    }
    assert!(keys.len() > 100, "too few are left to prove anything");
}
