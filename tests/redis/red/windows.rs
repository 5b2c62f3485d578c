use std::time::Duration;

use sluicegate::clock::Tick;

use super::instance::{Instance, connect};
use crate::server::Server;

/// A whole number of windows of both widths.
const NOW: Tick = 1_700_000_400_000_000;

const SECOND: Tick = 1_000_000;

const MINUTE: Duration = Duration::from_secs(60);

async fn flush_one_at(instance: &mut Instance, now: Tick) {
    instance
        .answer_with("/", 200, Duration::from_millis(1))
        .await;
    instance.redis.flush_at(Some(now)).await.unwrap();
}

#[tokio::test]
async fn a_span_is_whole_windows_of_the_servers_clock() {
    let server = Server::start();
    let mut instance = Instance::new(1, &connect(server.url()).await);
    for second in [0, 9, 10, 25, 599, 600, 1_250] {
        flush_one_at(&mut instance, NOW + second * SECOND).await;
    }
    let read = async |span, second| {
        let now = Some(NOW + second * SECOND);
        let fleet = instance.redis.reader().read_at(span, now).await.unwrap();
        (fleet.snapshot.ended(), fleet.covered.as_secs())
    };
    assert_eq!(read(MINUTE / 4, 29).await, (2, 19));
    assert_eq!(read(MINUTE / 4, 25).await, (2, 15));
    assert_eq!(read(MINUTE / 6, 19).await, (3, 19));
    assert_eq!(read(MINUTE * 20, 1_250).await, (3, 1_200));
    // Of ten minutes each.
    assert_eq!(read(MINUTE * 21, 1_260).await, (7, 1_260));
    assert_eq!(read(MINUTE * 30, 1_850).await, (7, 1_850));
    assert_eq!(read(MINUTE * 30, 2_450).await, (2, 1_850));
    assert_eq!(read(MINUTE * 60, 9_000).await, (0, 3_600));
    assert_eq!(read(MINUTE * 1_440 * 3, 259_200 + 599).await, (7, 259_799));
    assert_eq!(read(MINUTE * 1_440 * 3, 259_200 + 600).await, (2, 259_200));
}

#[tokio::test]
async fn without_an_instant_it_is_the_servers() {
    let server = Server::start();
    let mut instance = Instance::new(1, &connect(server.url()).await);
    instance.answer_with("/", 200, Duration::ZERO).await;
    let now = || {
        let (seconds, _): (u64, u64) = redis::cmd("TIME").query(&mut server.client()).unwrap();
        seconds
    };
    let before = now();
    instance.redis.flush().await.unwrap();
    let after = now();
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg("*:10s:*")
        .query(&mut server.client())
        .unwrap();
    let [key] = &keys[..] else { panic!("{keys:?}") };
    let begun: u64 = key
        .strip_prefix("sluicegate:{orders}:red:10s:")
        .unwrap()
        .parse()
        .unwrap();
    assert!((before / 10 * 10..=after / 10 * 10).contains(&begun));
    let at = instance.redis.read(MINUTE).await.unwrap().at;
    let at = at.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!((before..=now()).contains(&at));
}

#[tokio::test]
async fn all_expires_and_nothing_before_it_is_read() {
    let server = Server::start();
    let mut instance = Instance::new(1, &connect(server.url()).await);
    instance.answer_with("/", 200, Duration::ZERO).await;
    instance.redis.flush().await.unwrap();
    let mut client = server.client();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*:red*").query(&mut client).unwrap();
    assert_eq!(keys.len(), 4);
    let (day, minute) = (86_400_000, 60_000);
    for key in keys {
        let left: u64 = redis::cmd("PTTL").arg(&key).query(&mut client).unwrap();
        let (least, width) = match key.rsplit(':').nth(1).unwrap() {
            "10s" => (20 * minute, minute / 6),
            "10m" => (3 * day, 10 * minute),
            _ => (7 * day - minute, 0),
        };
        assert!(
            (least..=least + width + minute).contains(&left),
            "{key}: {left} ms"
        );
    }
}

#[tokio::test]
async fn spans_that_no_window_has_are_refused() {
    let server = Server::start();
    let instance = Instance::new(1, &connect(server.url()).await);
    for span in [
        Duration::ZERO,
        MINUTE * 1_440 * 3 + Duration::from_micros(1),
    ] {
        let error = instance.redis.read(span).await.unwrap_err();
        assert!(
            error.to_string().starts_with("invalid redis span "),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_clock_that_steps_back_loses_nothing() {
    let server = Server::start();
    let mut instance = Instance::new(1, &connect(server.url()).await);
    for second in [100, 50, 99, 0] {
        flush_one_at(&mut instance, NOW + second * SECOND).await;
    }
    let now = Some(NOW + 100 * SECOND);
    let fleet = instance
        .redis
        .reader()
        .read_at(MINUTE * 5, now)
        .await
        .unwrap();
    assert_eq!(fleet.snapshot.ended(), 4);
}
