//! Counters for limiters: their decisions, and their requests to Redis.

use std::collections::BTreeMap;

use super::by_name::ByName;
#[cfg(feature = "redis")]
use super::sources::Sources;
use crate::{limit, stripes::Striped};

/// The decisions of all limiters of one name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimiterCounts {
    /// The limiter's name; empty for exempt requests, and `_overflow` for all
    /// after the first 256 names.
    pub name: String,
    /// Decisions, forgotten buckets, and checks that the failure policy
    /// decided.
    pub decided: limit::Snapshot,
    /// Requests to Redis, if the registry was given the limiter.
    #[cfg(feature = "redis")]
    pub redis: Option<limit::RedisCounts>,
}

/// Counters for the decisions of limiters, by their names.
#[derive(Default)]
pub(crate) struct Limiters {
    /// Decisions, from the events that limiters and layers notify of.
    decided: ByName<Striped<limit::Counts>>,
    /// Requests to Redis, which the limiters count by themselves.
    #[cfg(feature = "redis")]
    pub(crate) redis: Sources<limit::RedisCounts>,
}

impl Limiters {
    /// Returns the counters of this thread for the limiters of this name.
    #[inline]
    pub(crate) fn of(&self, name: &str) -> &limit::Counts {
        self.decided.of(name).own()
    }

    /// Reads the counts of all limiters, in the order of their names.
    pub(crate) fn read(&self) -> Vec<LimiterCounts> {
        let mut all = self.read_redis();
        for (name, stripes) in self.decided.all() {
            let counts = all.entry(name.into()).or_default();
            // A limiter in Redis counts by itself how often it fell back. If it
            // also notifies this registry, both numbers are the same, so they
            // are not added.
            let fell_back = counts.decided.fell_back;
            counts.decided = stripes.all().map(limit::Counts::snapshot).sum();
            counts.decided.fell_back = counts.decided.fell_back.max(fell_back);
        }
        let named = |(name, counts)| LimiterCounts { name, ..counts };
        all.into_iter().map(named).collect()
    }

    /// Reads the limiters in Redis that the registry was given, by their names.
    #[cfg(feature = "redis")]
    fn read_redis(&self) -> BTreeMap<String, LimiterCounts> {
        let read = self.redis.read().into_iter();
        let counts = |redis: limit::RedisCounts| LimiterCounts {
            decided: limit::Snapshot {
                fell_back: redis.fell_back,
                ..limit::Snapshot::default()
            },
            redis: Some(redis),
            ..LimiterCounts::default()
        };
        read.map(|(name, redis)| (name, counts(redis))).collect()
    }

    /// Without Redis, all counts come from events.
    #[cfg(not(feature = "redis"))]
    fn read_redis(&self) -> BTreeMap<String, LimiterCounts> {
        BTreeMap::new()
    }
}
