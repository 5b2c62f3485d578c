//! The rows that follow from what was simulated.

use super::{
    record::{Record, records},
    row::{Row, row},
};
use crate::report::{
    number::{count, index, percent, time, times},
    view::View,
};

/// Returns the rows.
pub(super) fn rows(view: View<'_>) -> Vec<Row> {
    let records = records(view);
    vec![
        strict(view, &records),
        bursty(view, &records),
        even(&records),
        prompt(&records),
        fair(&records),
        generous(view, &records),
    ]
}

fn strict(view: View<'_>, records: &[Record<'_>]) -> Row {
    let within = |record: &&Record<'_>| record.most <= view.amount;
    let period = time(view.results.grid.period_us);
    row(
        "never more than the amount in any period",
        records.iter().filter(within),
        |record| record.admitted as f64,
        |best| {
            let share = percent(best.admitted, best.requests);
            format!(
                "at most {} in any {period}; of such rules it lets the most pass, {share}",
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
        "a burst at once, and then a steady rate",
        records.iter().filter(|record| record.most <= allowed),
        |record| record.admitted as f64,
        |best| {
            let share = percent(best.admitted, best.requests);
            let allowed = count(allowed);
            format!(
                "lets the most pass, {share}, of the rules that keep to amount and burst, {allowed} in any {period}"
            )
        },
        || {
            format!(
                "every rule lets more than {} pass in some {period}",
                count(allowed)
            )
        },
    )
}

fn even(records: &[Record<'_>]) -> Row {
    row(
        "an even output, to call a service that has limits",
        records.iter(),
        |record| -record.variation,
        |best| {
            format!(
                "its gaps vary least: by {} or less with any traffic",
                index(Some(best.variation))
            )
        },
        String::new,
    )
}

fn prompt(records: &[Record<'_>]) -> Row {
    row(
        "short waits",
        records.iter(),
        |record| -(record.p99_us as f64),
        |best| {
            format!(
                "99 of 100 requests that pass wait at most {} with any traffic",
                time(best.p99_us)
            )
        },
        String::new,
    )
}

fn fair(records: &[Record<'_>]) -> Row {
    row(
        "the same share for every client",
        records.iter(),
        |record| record.fairness,
        |best| {
            format!(
                "its index of fairness is {} or more with any traffic",
                index(Some(best.fairness))
            )
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
