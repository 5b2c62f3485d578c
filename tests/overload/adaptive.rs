//! Adaptive limits in simulated overloads.

use std::{ops::Range, time::Duration};

use sluicegate::{
    concurrency::{Adaptive, Direct, Local},
    criticality::Criticality,
};

use super::sim::{Class, Report, Service, run, through};

const MS: Duration = Duration::from_millis(1);

/// Runs requests of one class, by their rate, through a limit to a service of 50
/// workers that take some time each.
async fn simulate(
    permits: &Local<Direct>,
    seconds: u64,
    rate: impl Fn(f64) -> f64 + 'static,
    time: impl Fn(f64) -> f64 + 'static,
) -> Report {
    let classes = [Class::new(Criticality::Critical, rate)];
    let service = Service::new(50, time);
    let limit = || permits.load().limit;
    let handle = |arrival| through(permits.clone(), service.clone(), arrival);
    run(&classes, seconds, limit, handle).await
}

/// Returns the requests that were served in time, each second.
fn good(report: &Report, seconds: Range<u64>) -> f64 {
    let length = seconds.end - seconds.start;
    report.all(seconds).good as f64 / length as f64
}

/// 50 workers that take 50 ms serve 1,000 a second.
fn steady(_: f64) -> f64 {
    0.05
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_nothing_is_served_in_time() {
    let permits = Local::new(1_000_000);
    let report = simulate(&permits, 30, |_| 3_000.0, steady).await;
    assert!(good(&report, 10..30) < 10.0, "{}", good(&report, 10..30));
}

#[tokio::test(start_paused = true)]
async fn a_step_of_load_is_cut_to_what_the_service_can_do() {
    let permits = Local::adaptive(Adaptive::gradient());
    let rate = |now| if now < 60.0 { 500.0 } else { 3_000.0 };
    let report = simulate(&permits, 120, rate, steady).await;
    assert_eq!(report.all(30..60).refused, 0);
    assert!(good(&report, 70..120) > 950.0, "{}", good(&report, 70..120));
    let p99 = report.all(70..120).percentile(0.99);
    assert!(p99 < 250 * MS, "{p99:?}");
}

#[tokio::test(start_paused = true)]
async fn a_thundering_herd_leaves_no_backlog() {
    let permits = Local::adaptive(Adaptive::gradient());
    let rate = |now| match now {
        60.0..60.2 => 50_000.0,
        _ => 500.0,
    };
    let report = simulate(&permits, 90, rate, steady).await;
    let after = report.all(62..90);
    assert!(after.good_share() > 0.999, "{}", after.good_share());
}

#[tokio::test(start_paused = true)]
async fn a_slow_dependency_wastes_no_work_until_it_is_quick_again() {
    let permits = Local::adaptive(Adaptive::gradient());
    let time = |now| {
        if (60.0..90.0).contains(&now) {
            0.5
        } else {
            0.05
        }
    };
    let report = simulate(&permits, 180, |_| 900.0, time).await;
    // 50 workers that take 500 ms serve 100 a second, and up to 100 requests in
    // flight are served before their clients give up.
    let during = good(&report, 70..90);
    assert!(during > 90.0, "{during} {:?}", report.limits);
    // It takes a while until the limit is what it was.
    let recovered = (90..180).find(|second| report.all(*second..*second + 5).good_share() > 0.99);
    assert!(
        recovered.unwrap() < 120,
        "{recovered:?} {:?}",
        report.limits
    );
}

#[tokio::test(start_paused = true)]
async fn a_permanent_slow_down_ends_at_what_the_service_can_do() {
    let permits = Local::adaptive(Adaptive::gradient());
    let time = |now| if now < 60.0 { 0.05 } else { 0.15 };
    let report = simulate(&permits, 300, |_| 900.0, time).await;
    // 50 workers that take 150 ms serve 333 a second.
    let after = good(&report, 240..300);
    assert!(after > 0.95 * 333.0, "{after} {:?}", report.limits);
}

#[tokio::test(start_paused = true)]
async fn half_of_a_fleet_takes_over_the_load_of_the_other_half() {
    // Each of ten instances serves 1,000 a second. Five crash, and their load of
    // 800 a second moves to the others.
    let permits = Local::adaptive(Adaptive::gradient());
    let rate = |now| if now < 60.0 { 800.0 } else { 1_600.0 };
    let report = simulate(&permits, 180, rate, steady).await;
    assert!(good(&report, 65..180) > 950.0, "{}", good(&report, 65..180));
    let p99 = report.all(65..180).percentile(0.99);
    assert!(p99 < 500 * MS, "{p99:?}");
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_nothing_reaches_stays() {
    let permits = Local::adaptive(Adaptive::gradient());
    let report = simulate(&permits, 60, |_| 40.0, steady).await;
    assert_eq!(report.limits.last(), Some(&20));
}

/// A change in the load or the service at the 60th second.
struct Overload {
    name: &'static str,
    rate: fn(f64) -> f64,
    time: fn(f64) -> f64,
}

const OVERLOADS: [Overload; 3] = [
    Overload {
        name: "load of three times the capacity",
        rate: |now| if now < 60.0 { 500.0 } else { 3_000.0 },
        time: steady,
    },
    Overload {
        name: "work takes three times as long",
        rate: |_| 900.0,
        time: |now| if now < 60.0 { 0.05 } else { 0.15 },
    },
    Overload {
        name: "work takes a third of the time",
        rate: |_| 2_900.0,
        time: |now| if now < 60.0 { 0.05 } else { 0.05 / 3.0 },
    },
];

/// Prints the table in the docs of `Adaptive`: for a minute after the change, and
/// for five in the long form, which the docs show.
#[tokio::test(start_paused = true)]
async fn an_adaptive_limit_needs_no_number_to_be_near_the_best_one() {
    let is_long = std::env::var("SLUICEGATE_SIMULATION").is_ok_and(|it| it == "long");
    let (overloads, end) = match is_long {
        true => (&OVERLOADS[..], 360),
        false => (&OVERLOADS[..1], 120),
    };
    println!("| change | limit | served in time, of the possible | median | p99 |");
    println!("|---|---|---|---|---|");
    for overload in overloads {
        let gradient = compare(
            overload,
            "gradient",
            Local::adaptive(Adaptive::gradient()),
            end,
        )
        .await;
        assert!(gradient > 0.9, "{gradient}");
        compare(overload, "none", Local::new(1_000_000), end).await;
        compare(overload, "fixed, 50", Local::new(50), end).await;
        compare(overload, "fixed, 200", Local::new(200), end).await;
        let aimd = Adaptive::aimd().slow_after(100 * MS);
        compare(
            overload,
            "aimd, slow after 100 ms",
            Local::adaptive(aimd),
            end,
        )
        .await;
    }
}

/// Prints a row, and returns the share that was served in time after the change.
async fn compare(overload: &Overload, limit: &str, permits: Local<Direct>, end: u64) -> f64 {
    let report = simulate(&permits, end, overload.rate, overload.time).await;
    let after = report.all(60..end);
    let possible = (50.0 / (overload.time)(100.0)).min((overload.rate)(100.0));
    let share = good(&report, 60..end) / possible;
    let (p50, p99) = (after.percentile(0.5), after.percentile(0.99));
    let name = overload.name;
    println!(
        "| {name} | {limit} | {:.0} % | {p50:.0?} | {p99:.0?} |",
        share * 100.0
    );
    share
}
