//! The two texts that Prometheus reads: OpenMetrics, and its own older format.

use std::{
    collections::HashSet,
    fmt::Write,
    sync::Arc,
    time::{Duration, SystemTime},
};

use prometheus_client::{encoding::text, registry::Registry};

use super::{
    collector::Prepared,
    exposition::{Exposition, SampleValue},
};
use crate::red::Exemplar;

/// Writes OpenMetrics 1.0, with exemplars.
pub(crate) fn open_metrics(exposition: Exposition) -> String {
    let exposition = Arc::new(exposition);
    let text = without_exemplars(&exposition);
    let mut exemplars = exemplars(&exposition);
    let mut whole = String::with_capacity(text.len());
    for line in text.lines() {
        whole.push_str(line);
        // The encoder writes the buckets in the order of the exposition, so
        // each bucket line takes the next exemplar.
        let of_bucket = is_bucket(line).then(|| exemplars.next());
        if let Some(exemplar) = of_bucket.flatten().flatten() {
            write(exemplar, &mut whole);
        }
        whole.push('\n');
    }
    whole
}

/// Writes Prometheus' own text 0.0.4, which is older than OpenMetrics. It has
/// no units, no end mark and no exemplars, and names counters like their
/// samples.
pub(crate) fn classic(exposition: Exposition) -> String {
    classic_of(&without_exemplars(&Arc::new(exposition)))
}

/// Writes OpenMetrics as the encoder does, which cannot be given exemplars.
fn without_exemplars(exposition: &Arc<Exposition>) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Prepared(Arc::clone(exposition))));
    let mut text = String::new();
    let written = text::encode(&mut text, &registry);
    debug_assert!(written.is_ok(), "a string takes whatever is written");
    text
}

/// Returns the exemplars of all buckets, in the order in which the buckets are
/// written.
fn exemplars(exposition: &Exposition) -> impl Iterator<Item = Option<&Exemplar>> {
    let samples = exposition.families().flat_map(|family| &family.samples);
    samples.flat_map(|sample| match &sample.value {
        SampleValue::Histogram(durations, exemplars) => {
            of_buckets(durations.buckets().count(), exemplars)
        }
        SampleValue::Gauge(_) | SampleValue::Ratio(_) | SampleValue::Counter(_) => {
            of_buckets(0, &[])
        }
    })
}

/// Returns an item for each bucket, also where no exemplar exists.
fn of_buckets(
    buckets: usize,
    exemplars: &[Option<Exemplar>],
) -> impl Iterator<Item = Option<&Exemplar>> {
    (0..buckets).map(|nth| exemplars.get(nth)?.as_ref())
}

/// Returns whether a line is a bucket. Names have no braces, and labels come
/// after one.
fn is_bucket(line: &str) -> bool {
    let name = line.split_once('{').map(|(name, _)| name);
    name.is_some_and(|name| name.ends_with("_bucket") && !name.starts_with('#'))
}

/// Appends an exemplar to a line.
fn write(exemplar: &Exemplar, into: &mut String) {
    let took = exemplar.duration().as_secs_f64();
    let at = exemplar.at().duration_since(SystemTime::UNIX_EPOCH);
    let at = at.unwrap_or(Duration::ZERO).as_secs_f64();
    let trace = exemplar.trace();
    _ = write!(into, " # {{trace_id=\"{trace}\"}} {took} {at:.3}");
}

/// Turns OpenMetrics into the older format.
fn classic_of(open: &str) -> String {
    // A HELP line comes before its TYPE line, so the counters have to be known
    // first.
    let typed = open.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let counters: HashSet<_> = typed.filter_map(|it| it.strip_suffix(" counter")).collect();
    let mut whole = String::with_capacity(open.len());
    for line in open.lines().filter(|line| !is_open_only(line)) {
        match described(line).filter(|(_, name, _)| counters.contains(name)) {
            Some((what, name, rest)) => _ = writeln!(whole, "# {what} {name}_total {rest}"),
            None => _ = writeln!(whole, "{line}"),
        }
    }
    whole
}

/// Returns whether a line exists in OpenMetrics only.
fn is_open_only(line: &str) -> bool {
    line.starts_with("# UNIT ") || line == "# EOF"
}

/// Splits a line `# HELP name text` or `# TYPE name type`.
fn described(line: &str) -> Option<(&str, &str, &str)> {
    let (what, rest) = line.strip_prefix("# ")?.split_once(' ')?;
    let (name, rest) = rest.split_once(' ')?;
    Some((what, name, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_named_as_their_samples_are() {
        let open = "# HELP a_seconds A counter.\n# TYPE a_seconds counter\n\
                    # UNIT a_seconds seconds\na_seconds_total{b=\"# TYPE \\\"\"} 1.5\n\
                    # HELP b A gauge.\n# TYPE b gauge\nb 1\n# EOF\n";
        let classic = "# HELP a_seconds_total A counter.\n# TYPE a_seconds_total counter\n\
                       a_seconds_total{b=\"# TYPE \\\"\"} 1.5\n\
                       # HELP b A gauge.\n# TYPE b gauge\nb 1\n";
        assert_eq!(classic_of(open), classic);
    }

    #[test]
    fn a_label_does_not_make_a_bucket() {
        assert!(is_bucket("a_bucket{le=\"1\"} 0"));
        for line in [
            "a_sum{b=\"c_bucket{\"} 0",
            "a_bucket 1",
            "# HELP a_bucket{ b",
        ] {
            assert!(!is_bucket(line), "{line}");
        }
    }
}
