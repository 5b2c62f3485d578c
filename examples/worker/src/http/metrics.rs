//! The metrics of the pipeline, beside those of the requests.

use std::{fmt, sync::atomic::Ordering::Relaxed};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

use crate::{
    event::Reason,
    pipeline::{Channels, Context, Stage},
};

/// Exports the depths and the counts of the pipeline. They are three different
/// depths: a channel that is full means a slow stage behind it, a backlog that grows
/// means that all of it is too slow, and events in flight mean work.
#[derive(Debug)]
pub(crate) struct Export {
    pub(crate) context: Context,
    pub(crate) channels: Channels,
}

impl Collector for Export {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut families = Families(encoder);
        self.depths(&mut families)?;
        self.outbox(&mut families)?;
        self.requests(&mut families)?;
        self.attempts(&mut families)
    }
}

impl Export {
    /// Writes how many events are in the channels and in the pools.
    fn depths(&self, families: &mut Families<'_>) -> fmt::Result {
        let depths = self.channels.depths(self.context.gauges.inflight());
        let waiting = "Events that wait in the channel before a stage";
        families.gauges("worker_channel_depth", waiting, by_stage(depths.channel))?;
        let working = "Events that the pool of a stage works on";
        families.gauges("worker_inflight", working, by_stage(depths.inflight))
    }

    /// Writes how many events are in the database, as of the last second.
    fn outbox(&self, families: &mut Families<'_>) -> fmt::Result {
        let totals = self.context.gauges.totals();
        let dead = |reason: Reason| totals.dead.get(reason.code()).copied().unwrap_or(0);
        let dead = Reason::ALL.map(|reason| ("reason", reason.code(), dead(reason)));
        families.gauges("worker_dead_letters", "Events that failed for good", dead)?;
        let waiting = "Events that wait in the outbox, also for their next attempt";
        families.gauge("worker_backlog", waiting, totals.backlog)?;
        let most = self.context.backlog.most();
        families.gauge(
            "worker_max_pending",
            "Pending events that are allowed",
            most,
        )
    }

    /// Writes how requests were answered.
    fn requests(&self, families: &mut Families<'_>) -> fmt::Result {
        let counters = &self.context.gauges.counters;
        let answers = [
            ("accepted", &counters.accepted),
            ("replayed", &counters.replayed),
            ("refused", &counters.refused),
        ];
        let answers = answers.map(|(name, counter)| ("answer", name, counter.load(Relaxed)));
        families.counters(
            "worker_requests",
            "Orders and cancellations that came",
            answers,
        )
    }

    /// Writes how attempts at events ended.
    fn attempts(&self, families: &mut Families<'_>) -> fmt::Result {
        let counters = &self.context.gauges.counters;
        let ends = [
            ("completed", &counters.completed),
            ("retried", &counters.retried),
            ("given_back", &counters.given_back),
            ("lost", &counters.lost),
        ];
        let ends = ends.map(|(name, counter)| ("end", name, counter.load(Relaxed)));
        families.counters("worker_attempts", "Attempts that ended", ends)?;
        let dead = counters.dead().into_iter();
        let dead = dead.map(|(reason, count)| ("reason", reason, count));
        families.counters(
            "worker_dead_lettered",
            "Events that became dead letters",
            dead,
        )
    }
}

/// Returns the values of the three stages, with their labels.
fn by_stage(values: [usize; 3]) -> impl Iterator<Item = Value> {
    let values = Stage::ALL.into_iter().zip(values);
    values.map(|(stage, value)| ("stage", stage.name(), value as u64))
}

/// A value of a family, behind its label.
type Value = (&'static str, &'static str, u64);

/// Writes families of metrics.
struct Families<'a>(DescriptorEncoder<'a>);

impl Families<'_> {
    fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let family = self
            .0
            .encode_descriptor(name, help, None, MetricType::Gauge)?;
        gauge(value).encode(family)
    }

    fn gauges(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> fmt::Result {
        self.family((name, help, MetricType::Gauge), values, gauge)
    }

    fn counters(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> fmt::Result {
        let metric = (name, help, MetricType::Counter);
        self.family(metric, values, ConstCounter::<u64>::new)
    }

    /// Writes one metric for each label.
    fn family<M: EncodeMetric>(
        &mut self,
        (name, help, kind): (&str, &str, MetricType),
        values: impl IntoIterator<Item = Value>,
        metric: impl Fn(u64) -> M,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, kind)?;
        for (label, name, value) in values {
            metric(value).encode(family.encode_family(&[(label, name)])?)?;
        }
        Ok(())
    }
}

fn gauge(value: u64) -> ConstGauge {
    ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX))
}
