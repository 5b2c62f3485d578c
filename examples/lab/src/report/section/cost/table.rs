//! The table of all that was measured.

use maud::Markup;

use super::{super::table::Table, costs::Cost};
use crate::{
    report::{moving::Moving, number::significant},
    results::InRedis,
};

const COLUMNS: &[&str] = &[
    "rule",
    "ns per decision",
    "bytes per key",
    "Redis, p50 µs",
    "Redis, p99 µs",
    "commands per decision",
    "server CPU, µs per decision",
    "bytes per key in Redis",
];

/// Returns the table.
pub(super) fn table(costs: &[Cost<'_>]) -> Markup {
    let rows = costs.iter().map(|cost| (cost.rule.label(), cells(cost)));
    let table = Table {
        caption: "What a decision costs",
        columns: COLUMNS,
        rows: rows.collect(),
    };
    table.markup(&Moving::still())
}

fn cells(cost: &Cost<'_>) -> Vec<String> {
    let in_process = [
        cost.in_process.ns_per_decision,
        cost.in_process.bytes_per_key,
    ]
    .map(significant);
    in_process
        .into_iter()
        .chain(in_redis(cost.in_redis))
        .collect()
}

fn in_redis(costs: Option<InRedis>) -> [String; 5] {
    let values = |costs: InRedis| {
        [
            costs.p50_us,
            costs.p99_us,
            costs.commands_per_decision,
            costs.cpu_us_per_decision,
            costs.bytes_per_key,
        ]
    };
    costs.map_or_else(
        || std::array::from_fn(|_| "–".into()),
        |costs| values(costs).map(significant),
    )
}
