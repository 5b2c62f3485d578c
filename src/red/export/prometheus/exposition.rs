//! Everything that Prometheus is shown, family by family. The collector and the
//! text formats write it.

use std::collections::BTreeMap;

use crate::{
    histogram::Durations,
    red::{Exemplar, export::family::Family},
};

/// The families of an exposition by name. Each is written once, with all its
/// label sets.
#[derive(Debug, Default)]
pub(crate) struct Exposition(BTreeMap<&'static str, FamilySamples>);

/// All label sets of a family.
#[derive(Debug)]
pub(crate) struct FamilySamples {
    pub(crate) family: &'static Family,
    pub(crate) samples: Vec<Sample>,
}

/// One label set.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) labels: SampleLabels,
    pub(crate) value: SampleValue,
}

/// Names and values of labels.
pub(crate) type SampleLabels = Vec<(String, String)>;

/// The value of a sample, which also decides the type of its family.
#[derive(Debug)]
pub(crate) enum SampleValue {
    /// The exemplars are by bucket; empty if there are none.
    Histogram(Durations, Vec<Option<Exemplar>>),
    Gauge(u64),
    /// A gauge between 0 and 1, or another fraction.
    Ratio(f64),
    Counter(u64),
}

impl Exposition {
    /// Returns the families in the order of their names.
    pub(crate) fn families(&self) -> impl Iterator<Item = &FamilySamples> {
        self.0.values()
    }

    /// Adds a sample to its family.
    pub(crate) fn add(
        &mut self,
        family: &'static Family,
        labels: SampleLabels,
        value: SampleValue,
    ) {
        let none = || FamilySamples {
            family,
            samples: Vec::new(),
        };
        let family = self.0.entry(family.name).or_insert_with(none);
        family.samples.push(Sample { labels, value });
    }
}
