//! Sends the requests, and writes the report.

use std::{cell::RefCell, future::Future, rc::Rc, time::Duration};

use sluicegate::concurrency::{Ask, Direct, Local, WorkEnd};
use tokio::{
    task::{LocalSet, spawn_local},
    time::{Instant, sleep_until},
};

use super::{Arrival, Class, Dice, Outcome, Report, Service, load::arrivals};

/// Sends the requests of all classes for some seconds, each to `handle`, and
/// notes the limit after each second. Ends when all have an outcome.
pub async fn run<F>(
    classes: &[Class],
    seconds: u64,
    limit: impl Fn() -> u32,
    handle: impl Fn(Arrival) -> F,
) -> Report
where
    F: Future<Output = Outcome> + 'static,
{
    let start = Instant::now();
    let report = Rc::new(RefCell::new(Report::default()));
    let tasks = LocalSet::new();
    let sending = async {
        for arrival in arrivals(classes, seconds, &Dice::new(4)) {
            sleep_until(start + arrival.at).await;
            note_limits(&report, arrival.at, &limit);
            spawn_local(note(handle(arrival), arrival, report.clone()));
        }
        note_limits(&report, Duration::from_secs(seconds), &limit);
    };
    tasks.run_until(sending).await;
    tasks.await;
    Rc::into_inner(report).unwrap().into_inner()
}

/// Notes the limit for each second that has ended.
fn note_limits(report: &RefCell<Report>, now: Duration, limit: &impl Fn() -> u32) {
    let mut report = report.borrow_mut();
    report.limits.resize(now.as_secs() as usize, limit());
}

/// Notes the outcome of a request.
async fn note(work: impl Future<Output = Outcome>, arrival: Arrival, report: Rc<RefCell<Report>>) {
    let sent = Instant::now();
    let outcome = work.await;
    let took = sent.elapsed();
    let is_good = took <= arrival.patience;
    let second = arrival.at.as_secs();
    let mut report = report.borrow_mut();
    report.add(arrival.class, second, outcome, took, is_good);
}

/// Sends a request through a limit to the service.
pub async fn through(permits: Local<Direct>, service: Rc<Service>, arrival: Arrival) -> Outcome {
    let Ok(permit) = permits.acquire(Ask::new().rank(arrival.level)).await else {
        return Outcome::Refused;
    };
    service.work().await;
    permit.end(WorkEnd::Whole);
    Outcome::Served
}
