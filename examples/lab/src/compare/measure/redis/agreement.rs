//! Plays traffic to a rule and to its script at the same instants.

use redis::{Connection, RedisError, Value};
use sluicegate::{
    clock::Tick,
    limit::{
        Decision, Scripted,
        testing::{Operation, ScriptCall},
    },
};

use super::server::{Failure, Server};
use crate::{
    compare::{
        candidates::{Answer, Player, answer, candidates},
        measure::{
            by_rule::{ByRule, by_rule},
            subject::limit,
        },
        simulate::play,
        traffic::{Pattern, Scale, patterns},
    },
    results::Agreement,
};

/// The part of the traffic that is enough for a test.
const SHORT: Tick = 2_000_000;

/// The beginning of the traffic: a window of any length of the grid begins here.
const ORIGIN: Tick = 1_700_000_000_000_000;

impl Server {
    /// Plays the quick traffic to all rules of this crate and to their scripts.
    pub(in super::super) fn agreement(
        &self,
        seed: u64,
        scale: Scale,
    ) -> Result<Agreement, Failure> {
        let mut all = Agreement {
            decisions: 0,
            different: 0,
        };
        let mut server = self.client.get_connection()?;
        for mut pattern in patterns(seed, Scale::Quick) {
            if scale == Scale::Quick {
                pattern.traffic.duration_us = SHORT;
            }
            for candidate in candidates() {
                let both = Compare {
                    server: &mut server,
                    pattern: &pattern,
                };
                let found = by_rule(candidate.id(), limit(), both).transpose()?;
                let found = found.unwrap_or_default();
                all.decisions += found.decisions;
                all.different += found.different;
            }
        }
        Ok(all)
    }
}

/// Plays one pattern.
struct Compare<'a> {
    server: &'a mut Connection,
    pattern: &'a Pattern,
}

impl ByRule for Compare<'_> {
    type Output = Result<Agreement, RedisError>;

    fn call<R: Scripted<State: Sync>>(self, rule: R) -> Self::Output {
        let buckets = self.pattern.buckets();
        let mut both = Both {
            states: (0..buckets).map(|_| R::State::default()).collect(),
            rule,
            server: self.server,
            found: Agreement::default(),
            failed: None,
        };
        play(self.pattern, &mut both);
        for bucket in 0..buckets {
            redis::cmd("UNLINK").arg(key(bucket)).exec(both.server)?;
        }
        match both.failed {
            Some(error) => Err(error),
            None => Ok(both.found),
        }
    }
}

/// A rule with the states of its buckets, and a server with the same buckets.
struct Both<'a, R: Scripted> {
    rule: R,
    states: Vec<R::State>,
    server: &'a mut Connection,
    found: Agreement,
    /// The first failure of the server, after which it is not asked.
    failed: Option<RedisError>,
}

impl<R: Scripted> Player for Both<'_, R> {
    fn ask(&mut self, bucket: usize, now: Tick) -> Answer {
        let now = ORIGIN + now;
        let decision = self.rule.decide(&mut self.states[bucket], now, 1);
        if self.failed.is_none() {
            match self.script(bucket, now) {
                Ok(scripted) => {
                    self.found.decisions += 1;
                    self.found.different += u64::from(scripted != Some(decision));
                }
                Err(error) => self.failed = Some(error),
            }
        }
        answer(&decision)
    }
}

impl<R: Scripted> Both<'_, R> {
    /// Returns the decision of the script; `None` if its reply cannot be read.
    fn script(&mut self, bucket: usize, now: Tick) -> Result<Option<Decision>, RedisError> {
        let call = ScriptCall::new(&self.rule)
            .at(now)
            .operation(key(bucket), Operation::Check(1));
        let reply: Vec<Value> = call.command().query(self.server)?;
        let read = call.read(&reply).unwrap_or_default();
        Ok(read.first().and_then(|(_, decision)| *decision))
    }
}

fn key(bucket: usize) -> String {
    format!("lab:{{agreement}}:{bucket}")
}
