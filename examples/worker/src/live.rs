//! Looks at the worker once a second. The live line, the metrics and the bound of the
//! backlog show what it found.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    sync::atomic::Ordering::Relaxed,
    time::Duration,
};

use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::warn;

use crate::{
    pipeline::{Channels, Context, Depths},
    store::Totals,
};

const SECOND: Duration = Duration::from_secs(1);

/// The counts at the last look.
#[derive(Debug, Default)]
struct Last {
    accepted: u64,
    completed: u64,
}

/// Looks until it is dropped, and prints a line each time.
pub(crate) async fn watch(context: Context, channels: Channels) {
    let (begun, mut last) = (Instant::now(), Last::default());
    let mut seconds = interval(SECOND);
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        seconds.tick().await;
        match look(&context).await {
            Ok(totals) => {
                let depths = channels.depths(context.gauges.inflight());
                print(&last.line(begun.elapsed(), &context, &totals, &depths));
            }
            Err(error) => warn!(%error, "cannot count events"),
        }
    }
}

/// Counts the events. The metrics and the bound of the backlog use the result.
pub(crate) async fn look(context: &Context) -> Result<Totals, sqlx::Error> {
    let totals = context.store.totals().await?;
    context.backlog.correct(totals.pending());
    context.gauges.set_totals(totals.clone());
    Ok(totals)
}

impl Last {
    /// Returns the line, and remembers what it shows.
    fn line(
        &mut self,
        since: Duration,
        context: &Context,
        totals: &Totals,
        depths: &Depths,
    ) -> String {
        let counters = &context.gauges.counters;
        let (accepted, completed) = (
            counters.accepted.load(Relaxed),
            counters.completed.load(Relaxed),
        );
        let (more, done) = (accepted - self.accepted, completed - self.completed);
        context.gauges.add_to_rate(done);
        *self = Self {
            accepted,
            completed,
        };
        format!(
            "{:>4} s  accepted {} (+{more})  completed {} (+{done})  backlog {}  channel {}  \
             inflight {}  retried {}  dead {}\n",
            since.as_secs(),
            totals.accepted,
            totals.completed,
            totals.backlog,
            slashed(depths.channel),
            slashed(depths.inflight),
            counters.retried.load(Relaxed),
            dead(totals),
        )
    }
}

/// Returns the values of the three stages, such as `0/64/3`.
fn slashed([prepare, charge, settle]: [usize; 3]) -> String {
    format!("{prepare}/{charge}/{settle}")
}

fn dead(totals: &Totals) -> String {
    let mut text = totals.dead.values().sum::<u64>().to_string();
    for (at, (reason, count)) in totals.dead.iter().enumerate() {
        let open = if at == 0 { " (" } else { ", " };
        let _ = write!(text, "{open}{count} {reason}");
    }
    if !totals.dead.is_empty() {
        text.push(')');
    }
    text
}

/// A closed stdout does not stop the worker.
pub(crate) fn print(line: &str) {
    let _ = io::stdout().write_all(line.as_bytes());
}
