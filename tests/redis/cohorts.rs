//! Cohorts that a fleet shares. Several of one name stand for several processes:
//! they share nothing but the server.

use std::time::Duration;

use redis::{Commands, Script};
use sluicegate::concurrency::Cohorts;

use crate::{connection::builder, server::Server};

/// Returns the cohorts of one process.
async fn process(server: &Server, name: &str) -> Cohorts {
    let connection = builder(server.url()).connect().await.unwrap();
    Cohorts::shared(&connection, name)
}

fn all(cohorts: &Cohorts) -> Vec<u8> {
    (0..200_u32).map(|user| cohorts.of(&user)).collect()
}

/// Waits until two processes have the same cohorts.
async fn agree(one: &Cohorts, other: &Cohorts) {
    while all(one) != all(other) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn the_processes_of_a_fleet_agree_on_cohorts() {
    let server = Server::start();
    let (one, other) = (process(&server, "api").await, process(&server, "api").await);
    agree(&one, &other).await;
    // A process that starts later learns the salt that is there.
    let late = process(&server, "api").await;
    agree(&one, &late).await;

    let mut client = server.client();
    let key = "sluicegate:{api}:cohorts";
    let left: i64 = client.pttl(key).unwrap();
    assert!((86_400_000..=172_800_000).contains(&left), "{left}");
}

#[tokio::test]
async fn fleets_of_other_names_have_other_cohorts() {
    let server = Server::start();
    let (one, same) = (process(&server, "a").await, process(&server, "a").await);
    agree(&one, &same).await;
    let (other, twin) = (process(&server, "b").await, process(&server, "b").await);
    agree(&other, &twin).await;
    assert_ne!(all(&one), all(&other));
}

#[tokio::test]
async fn without_redis_a_process_has_cohorts_of_its_own() {
    let mut server = Server::start();
    let connection = builder(server.url()).connect().await.unwrap();
    server.kill();
    let cohorts = Cohorts::shared(&connection, "api");
    let before = all(&cohorts);
    assert_eq!(all(&cohorts), before);
    assert!(before.iter().any(|cohort| *cohort != before[0]));
}

#[test]
fn the_script_keeps_the_first_salt_and_leaves_other_values_alone() {
    let server = Server::start();
    let mut client = server.client();
    let script = Script::new(concat!(
        include_str!("../../lua/clock.lua"),
        include_str!("../../lua/prelude.lua"),
        include_str!("../../lua/cohorts.lua"),
    ));
    let mut ask = |key: &str, now: u64, offered: &str| -> (String, String) {
        let mut call = script.key(key);
        call.arg(now).arg(offered).invoke(&mut client).unwrap()
    };
    let (first, second) = ("0".repeat(32), "1".repeat(32));
    assert_eq!(ask("k", 7, &first), ("7".into(), first.clone()));
    assert_eq!(ask("k", 8, &second), ("8".into(), first));

    let mut other = server.client();
    let _: () = other.rpush("list", "entry").unwrap();
    assert_eq!(ask("list", 9, &second), ("9".into(), String::new()));
    let entries: Vec<String> = other.lrange("list", 0, -1).unwrap();
    assert_eq!(entries, ["entry"]);
}
