//! Measures events a second through the whole pipeline.

use std::{path::Path, time::Duration};

use clap::Parser;
use tokio::time::{Instant, sleep};

use crate::{
    event::Content,
    live,
    marks::MarksAt,
    refused::Refused,
    settings::{Bench, Cli, Serve},
    store::{NewOrder, Request, Store},
    worker::Worker,
};

/// How many orders one transaction writes.
const BATCH: usize = 128;

/// Runs each kind in turn, and prints events a second and the ratio of the medians.
pub(crate) async fn bench(settings: &Bench) -> Result<(), Refused> {
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for run in 0..settings.runs {
        without.push(measure(settings.events, run, false).await?);
        with.push(measure(settings.events, run, true).await?);
    }
    let (with, without) = (median(&mut with), median(&mut without));
    live::print(&format!(
        "| events a second | median of {} runs |\n|---|---|\n\
         | the loop by itself | {without:.0} |\n\
         | with the durable store | {with:.0} |\n\
         | ratio | {:.2} |\n",
        settings.runs,
        with / without,
    ));
    Ok(())
}

/// Returns events a second of one run, in a folder of its own.
async fn measure(events: usize, run: usize, is_durable: bool) -> Result<f64, Refused> {
    let folder = std::env::temp_dir().join(format!("worker-bench-{}-{run}", std::process::id()));
    let settings = settings(&folder, is_durable);
    std::fs::create_dir_all(&folder).map_err(|error| Refused::new("TMPDIR", error))?;
    fill(&settings.database, events)
        .await
        .map_err(|error| Refused::new("TMPDIR", error))?;
    let begun = Instant::now();
    let worker = Worker::start(&settings).await?;
    let completed = &worker.context.gauges.clone();
    while completed.completed() < events as u64 {
        sleep(Duration::from_millis(1)).await;
    }
    let took = begun.elapsed();
    worker.context.drain.begin();
    worker.context.drain.wait().await;
    // Left behind, it costs nothing but room.
    let _ = std::fs::remove_dir_all(&folder);
    Ok(events as f64 / took.as_secs_f64())
}

/// The default settings, but a provider that takes no time.
fn settings(folder: &Path, is_durable: bool) -> Serve {
    let mut settings = Cli::parse_from(["worker"]).serve;
    settings.database = format!("sqlite:{}?mode=rwc", folder.join("orders.db").display());
    settings.marks = match is_durable {
        true => MarksAt::Durable(folder.join("marks")),
        false => MarksAt::Nowhere,
    };
    settings.charge_time = Duration::ZERO;
    settings.max_pending = u64::MAX;
    settings
}

/// Writes the orders that are to be done.
async fn fill(database: &str, events: usize) -> Result<(), sqlx::Error> {
    let store = Store::open(database).await?;
    for first in (0..events).step_by(BATCH) {
        let last = (first + BATCH).min(events);
        let orders: Vec<NewOrder> = (first..last).map(order).collect();
        store.accept(&orders).await?;
    }
    store.close().await;
    Ok(())
}

fn order(number: usize) -> NewOrder {
    let (item, cents) = ("book".to_owned(), 1_999);
    NewOrder {
        request: Request {
            name: format!("{number:064x}"),
            fingerprint: format!("{number:064x}"),
        },
        content: Content { item, cents },
        deadline: None,
    }
}

fn median(rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
