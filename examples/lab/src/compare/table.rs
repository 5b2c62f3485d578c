//! The table in the terminal: one traffic after the other, at the base quota.

use std::fmt::{self, Write};

use crate::results::{Figures, Results, Rule};

/// Returns the base cell of the results as text.
pub(super) fn table(results: &Results) -> String {
    let cell = results.base();
    let mut text = format!("limit {}, seed {}\n", cell.quota, results.seed);
    for (place, traffic) in results.traffic.iter().enumerate() {
        let rows = results.rules.iter().enumerate();
        let rows = rows.map(|(rule, info)| row(info, results.figures(cell, place, rule)));
        write(
            &mut text,
            format_args!("\n{}: {}\n{HEAD}\n", traffic.title, traffic.about),
        );
        rows.for_each(|row| write(&mut text, format_args!("{row}\n")));
    }
    text
}

const HEAD: &str = "  rule                                 admitted  refused  most in  wait     wait  uneven    fair\n                                                              a period  p50 ms  p99 ms";

fn row(rule: &Rule, figures: &Figures) -> String {
    let wait = |of: fn(&crate::results::Waits) -> u64| match &figures.waits {
        Some(waits) => (of(waits) / 1_000).to_string(),
        None => "-".to_owned(),
    };
    let uneven = figures.gap_variation.map(|of| format!("{of:.2}"));
    format!(
        "  {:<36} {:>8} {:>8} {:>9} {:>7} {:>7} {:>7} {:>7.3}",
        rule.label(),
        figures.admitted,
        figures.refused,
        figures.most_in_period,
        wait(|waits| waits.p50_us),
        wait(|waits| waits.p99_us),
        uneven.unwrap_or_else(|| "-".to_owned()),
        figures.fairness,
    )
}

fn write(text: &mut String, line: fmt::Arguments<'_>) {
    text.write_fmt(line).expect("a String takes everything");
}
