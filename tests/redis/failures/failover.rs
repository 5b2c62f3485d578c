use sluicegate::redis::Server as Place;

use super::{
    accounts::{Load, charged},
    limiter,
};
use crate::{connection::builder, sentinel::Sentinel, server::Server};

/// Writes that the old primary had not replicated are lost, so a bucket may be
/// fuller than the admissions imply, but never emptier.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_goes_on_where_sentinels_point_to() {
    let mut first = Server::primary();
    let second = first.replica();
    let sentinel = Sentinel::watching(first.port());
    let places = Place::sentinel([sentinel.url()], "mymaster");
    let (connection, limiter) = limiter(builder(places)).await;
    let load = Load::on(&limiter);
    load.until_admitted().await;
    first.kill();
    load.until_refused().await;
    load.until_admitted().await;
    assert!(connection.stats().connects >= 2);
    let accounts = load.end().await;
    let names: u64 = redis::cmd("DBSIZE").query(&mut second.client()).unwrap();
    assert!(names >= accounts.keys.len() as u64);
    for (key, tally) in accounts.keys.iter().zip(&*accounts.tallies) {
        let before = charged(&limiter, key).await;
        tally.may_have_lost(before);
        // And from here on it is exact.
        for step in 1..=50 {
            let decision = limiter.check(key, 1).await.unwrap();
            assert_eq!(decision.limit() - decision.remaining(), before + step);
        }
    }
}
