//! The lease of an instance: a state machine by ticks of a monotonic clock, without
//! any input or output. `tend` moves it.

use super::{
    demand::PermitDemand,
    terms::{LeaseTerms, LoadSample},
};
use crate::{
    clock::Tick,
    concurrency::redis::script::{LeaseGrant, Want},
};

/// The permits that an instance holds of one limit, and the plan for them.
#[derive(Debug)]
pub(in crate::concurrency::redis) struct Lease {
    terms: LeaseTerms,
    /// How many permits are leased.
    count: u32,
    /// How many of them requests may use: fewer while some go to others.
    usable: u32,
    /// How many there were to be by the last plan.
    wanted: u32,
    /// The limit in force, as far as it is known.
    limit: u32,
    /// When no more requests are admitted.
    ends: Tick,
    /// When the permits may be leased to others; `None` if there are none, or
    /// if that was accounted for.
    lapses: Option<Tick>,
    /// `Tick::MAX` if there is nothing to renew.
    renew_at: Tick,
    review_at: Tick,
    /// No more permits are asked for before this instant.
    retry_at: Tick,
    /// How many calls in a row failed or got too few permits.
    retries: u32,
    /// Whether others lack permits, or this instance does.
    is_contended: bool,
    demand: PermitDemand,
    /// Since when no call was answered.
    lost: Option<Tick>,
    /// After an outage, until when the instance asks for no more than its
    /// share, because others may still use theirs.
    restrained_until: Tick,
}

impl Lease {
    /// A limit without permits. `lost` says since when the instance got no
    /// answers about others, if that is so; then it asks at once.
    pub(in crate::concurrency::redis) fn new(
        terms: LeaseTerms,
        limit: u32,
        lost: Option<Tick>,
    ) -> Self {
        Self {
            terms,
            count: 0,
            usable: 0,
            wanted: 0,
            limit,
            ends: 0,
            lapses: None,
            renew_at: if lost.is_some() { 0 } else { Tick::MAX },
            review_at: 0,
            retry_at: 0,
            retries: 0,
            is_contended: false,
            demand: PermitDemand::default(),
            lost,
            restrained_until: 0,
        }
    }

    /// Returns how many requests may be under way now, and until when that is
    /// so.
    pub(in crate::concurrency::redis) fn usable(&self, now: Tick, instances: u32) -> (u32, Tick) {
        if now < self.ends {
            return (self.usable, self.ends);
        }
        let Some(lost) = self.lost else {
            return (0, Tick::MAX);
        };
        let share = self.share(instances);
        let begins = self.terms.on_outage.begins(lost, self.terms.length);
        if now < begins {
            return (share.min(self.usable), begins);
        }
        (share, Tick::MAX)
    }

    /// Whether this instance, and so others, may use a share without a lease.
    fn uses_its_share(&self, now: Tick) -> bool {
        self.lost.is_some() && now >= self.ends && self.terms.on_outage.is_shared()
    }

    fn share(&self, instances: u32) -> u32 {
        self.terms.on_outage.share(self.limit, instances)
    }

    /// Returns whether a call may bring permits now.
    pub(in crate::concurrency::redis) fn is_worth_asking(&self, now: Tick) -> bool {
        now >= self.retry_at
    }

    /// Returns how many permits to ask the server for now; `None` if nothing is
    /// to be told. It may bring down what is [`usable`](Self::usable), because
    /// no request may use what is given back, from before the call is sent.
    pub(in crate::concurrency::redis) fn plan(
        &mut self,
        now: Tick,
        load: LoadSample,
        instances: u32,
    ) -> Option<u32> {
        self.demand.add(load.peak.max(load.in_use), load.missing);
        let is_review = now >= self.review_at;
        let wanted = self.wanted(now, load, is_review);
        if is_review {
            self.demand.review(load.in_use);
            self.review_at = now + self.review();
        }
        self.wanted = wanted?.min(self.terms.most).max(load.in_use);
        let mut want = self.wanted;
        if now < self.restrained_until || self.uses_its_share(now) {
            want = want.min(self.share(instances).max(self.count));
        }
        self.usable = self.usable.min(want);
        Some(want)
    }

    /// The same if no request will come any more: everything goes back.
    pub(in crate::concurrency::redis) fn plan_the_end(&mut self, now: Tick) -> Option<u32> {
        if self.count == 0 || now < self.retry_at {
            return None;
        }
        (self.wanted, self.usable) = (0, 0);
        Some(0)
    }

    /// Returns how many permits there should be; `None` if nothing is to be
    /// told.
    fn wanted(&mut self, now: Tick, load: LoadSample, is_review: bool) -> Option<u32> {
        let needs = load.in_use.saturating_add(load.missing);
        if load.missing > 0 && needs > self.count && now >= self.retry_at {
            return Some(self.demand.on_shortage(load.in_use, load.missing));
        }
        // Some go to others, and are not in use any more.
        let gives_up = self.usable < self.count && load.in_use <= self.usable;
        let is_due = now >= self.renew_at || gives_up;
        let to_have = match self.is_contended {
            true => self.demand.recent(),
            false => self.demand.to_have(self.count),
        };
        let shrinks = is_review && to_have.max(load.in_use) < self.count;
        (is_due || shrinks).then_some(to_have)
    }

    /// Takes note of a grant, by a call that was sent at `sent`. Returns how
    /// many permits that may be in use it leaves without a lease.
    pub(in crate::concurrency::redis) fn grant(
        &mut self,
        sent: Tick,
        now: Tick,
        told: Want,
        grant: &LeaseGrant,
    ) -> u32 {
        if self.uses_its_share(now) {
            self.restrained_until = now + self.terms.length;
        }
        self.lost = None;
        let without = self.count.min(told.held).saturating_sub(grant.count);
        let is_short = grant.target < self.wanted;
        self.retries = if is_short { self.retries + 1 } else { 0 };
        self.retry_at = match is_short {
            true => now + self.pause().max(grant.wait),
            false => now,
        };
        self.is_contended = is_short;
        (self.count, self.usable, self.limit) = (grant.count, grant.target, grant.limit);
        let lapses = sent + self.terms.length;
        self.ends = lapses - self.terms.margin;
        self.lapses = (grant.count > 0).then_some(lapses);
        self.renew_at = match told.want {
            0 => Tick::MAX,
            _ => sent + self.terms.renewal(),
        };
        without
    }

    /// Takes note of a call without an answer. The instance got none since
    /// `lost`.
    pub(in crate::concurrency::redis) fn fail(&mut self, now: Tick, lost: Tick) {
        self.lost.get_or_insert(lost.min(now));
        self.retries += 1;
        self.retry_at = now + self.pause();
        self.renew_at = self.retry_at;
    }

    /// The pause before another call doubles up to a quarter of the length.
    fn pause(&self) -> Tick {
        let doublings = self.retries.saturating_sub(1).min(3);
        (self.terms.short_review() << doublings).min(self.terms.length / 4)
    }

    fn review(&self) -> Tick {
        match self.is_contended {
            true => self.terms.short_review(),
            false => self.terms.review(),
        }
    }

    /// Returns whether the lease has lapsed, once for each lease.
    pub(in crate::concurrency::redis) fn lapse(&mut self, now: Tick) -> bool {
        let has_lapsed = self.lapses.is_some_and(|lapses| now >= lapses);
        if has_lapsed {
            self.lapses = None;
            self.count = 0;
        }
        has_lapsed
    }

    /// Returns when there is something to do next, whatever the load.
    pub(in crate::concurrency::redis) fn next(&self, now: Tick) -> Tick {
        self.review_at.min(self.renew_at).min(self.next_end(now))
    }

    /// Returns when the lease ends next, here or at the server.
    pub(in crate::concurrency::redis) fn next_end(&self, now: Tick) -> Tick {
        let lapses = self.lapses.unwrap_or(Tick::MAX);
        match now < self.ends {
            true => self.ends.min(lapses),
            false => lapses,
        }
    }

    /// Returns whether nothing is lost with this state: it holds nothing, and
    /// asked for nothing.
    pub(in crate::concurrency::redis) fn is_idle(&self, now: Tick) -> bool {
        self.count == 0 && self.wanted == 0 && now >= self.restrained_until
    }

    /// Returns whether the last call was not answered.
    pub(in crate::concurrency::redis) fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// Returns how many permits are leased.
    pub(in crate::concurrency::redis) fn count(&self) -> u32 {
        self.count
    }
}
