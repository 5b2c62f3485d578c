//! The rows that follow from what was simulated.

use super::{
    record::{Record, records},
    row::{Row, row},
};
use crate::report::{
    number::{count, hundredths, index, percent, time, times},
    view::View,
};

/// Returns the rows.
pub(super) fn rows(view: View<'_>) -> Vec<Row> {
    let records = records(view);
    vec![
        strict(view, &records),
        bursty(view, &records),
        even(&records),
        few_attempts(&records),
        generous(view, &records),
    ]
}

fn strict(view: View<'_>, records: &[Record<'_>]) -> Row {
    let period = time(view.results.grid.period_us);
    row(
        "never more than the amount in any period",
        records.iter().filter(|record| record.most <= view.amount),
        |record| record.admitted as f64,
        |best| {
            let share = percent(best.admitted, best.requests);
            format!(
                "at most {} in any {period}; of such rules it lets the most requests pass, {share}",
                count(best.most)
            )
        },
        || {
            format!(
                "every rule lets more than {} pass in some {period}",
                count(view.amount)
            )
        },
    )
}

fn bursty(view: View<'_>, records: &[Record<'_>]) -> Row {
    let allowed = view.amount + view.burst;
    let period = time(view.results.grid.period_us);
    row(
        "a burst at once, then a steady rate, and no queue",
        records
            .iter()
            .filter(|record| record.most <= allowed && !record.queues),
        |record| -hundredths(record.variation),
        |best| {
            let (most, variation) = (count(best.most), index(Some(best.variation)));
            format!(
                "at most {most} in any {period}, within amount and burst; of such rules it has the most even output: \
                 its gaps vary by {variation} or less in half of the traffics"
            )
        },
        || {
            format!(
                "every rule queues, or lets more than {} pass in some {period}",
                count(allowed)
            )
        },
    )
}

fn even(records: &[Record<'_>]) -> Row {
    row(
        "an even output, to call a service that has limits",
        records.iter(),
        |record| -hundredths(record.variation),
        |best| {
            format!(
                "its gaps vary least: by {} or less in half of the traffics",
                index(Some(best.variation))
            )
        },
        String::new,
    )
}

fn few_attempts(records: &[Record<'_>]) -> Row {
    row(
        "few attempts from clients that are refused",
        records.iter(),
        |record| -(record.attempts as f64),
        |best| {
            let (attempts, requests) = (count(best.attempts), count(best.requests));
            format!("its clients make the fewest attempts, {attempts} for {requests} requests")
        },
        String::new,
    )
}

fn generous(view: View<'_>, records: &[Record<'_>]) -> Row {
    row(
        "as many requests as possible to pass",
        records.iter(),
        |record| record.admitted as f64,
        |best| {
            let (share, ratio) = (
                percent(best.admitted, best.requests),
                times(best.most, view.amount),
            );
            format!("{share} of all requests pass, but up to {ratio} the amount in a period")
        },
        String::new,
    )
}
