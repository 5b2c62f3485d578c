//! What an instance holds of one limit. A state machine by ticks of a monotonic
//! clock, without any input or output: `tend` moves it.

use super::{
    demand::Demand,
    outage::OnOutage,
    script::{Grant, Want},
};
use crate::clock::Tick;

/// The instants of a lease, as parts of its length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// How long a lease lasts by the server's clock, from when it was granted.
    pub(super) length: Tick,
    /// How long before its end, by our clock, it admits no more requests.
    pub(super) margin: Tick,
    /// The largest batch, and so the most permits that are asked for.
    pub(super) most: u32,
    pub(super) on_outage: OnOutage,
}

impl Terms {
    /// The time from a grant to its renewal: two renewals may fail.
    fn renewal(&self) -> Tick {
        self.length / 3
    }

    /// The time between two looks at the demand.
    fn review(&self) -> Tick {
        self.length / 8
    }

    /// The time between two looks while others lack permits, and from a call
    /// that failed or got too few permits to the next.
    fn short_review(&self) -> Tick {
        self.length / 20
    }
}

/// The use of a limit at one instant.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Load {
    /// How many requests are under way.
    pub(super) in_use: u32,
    /// How many were at once, at most, since the load was last taken.
    pub(super) peak: u32,
    /// How many requests found no permit since then, or wait for one.
    pub(super) missing: u32,
}

/// The permits that an instance holds of one limit, and the plan for them.
#[derive(Debug)]
pub(super) struct Lease {
    terms: Terms,
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
    demand: Demand,
    /// Since when no call was answered.
    lost: Option<Tick>,
    /// After an outage, until when the instance asks for no more than its
    /// share, because others may still use theirs.
    restrained_until: Tick,
}

impl Lease {
    /// A limit without permits. `lost` says since when the instance got no
    /// answers about others, if that is so; then it asks at once.
    pub(super) fn new(terms: Terms, limit: u32, lost: Option<Tick>) -> Self {
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
            demand: Demand::default(),
            lost,
            restrained_until: 0,
        }
    }

    /// Returns how many requests may be under way now, and until when that is
    /// so.
    pub(super) fn usable(&self, now: Tick, instances: u32) -> (u32, Tick) {
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
    pub(super) fn is_worth_asking(&self, now: Tick) -> bool {
        now >= self.retry_at
    }

    /// Returns how many permits to ask the server for now; `None` if nothing is
    /// to be told. It may bring down what is [`usable`](Self::usable), because
    /// no request may use what is given back, from before the call is sent.
    pub(super) fn plan(&mut self, now: Tick, load: Load, instances: u32) -> Option<u32> {
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
    pub(super) fn plan_the_end(&mut self, now: Tick) -> Option<u32> {
        if self.count == 0 || now < self.retry_at {
            return None;
        }
        (self.wanted, self.usable) = (0, 0);
        Some(0)
    }

    /// Returns how many permits there should be; `None` if nothing is to be
    /// told.
    fn wanted(&mut self, now: Tick, load: Load, is_review: bool) -> Option<u32> {
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
    pub(super) fn grant(&mut self, sent: Tick, now: Tick, told: Want, grant: &Grant) -> u32 {
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
    pub(super) fn fail(&mut self, now: Tick, lost: Tick) {
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
    pub(super) fn lapse(&mut self, now: Tick) -> bool {
        let has_lapsed = self.lapses.is_some_and(|lapses| now >= lapses);
        if has_lapsed {
            self.lapses = None;
            self.count = 0;
        }
        has_lapsed
    }

    /// Returns when there is something to do next, whatever the load.
    pub(super) fn next(&self, now: Tick) -> Tick {
        self.review_at.min(self.renew_at).min(self.next_end(now))
    }

    /// Returns when the lease ends next, here or at the server.
    pub(super) fn next_end(&self, now: Tick) -> Tick {
        let lapses = self.lapses.unwrap_or(Tick::MAX);
        match now < self.ends {
            true => self.ends.min(lapses),
            false => lapses,
        }
    }

    /// Returns whether nothing is lost with this state: it holds nothing, and
    /// asked for nothing.
    pub(super) fn is_idle(&self, now: Tick) -> bool {
        self.count == 0 && self.wanted == 0 && now >= self.restrained_until
    }

    /// Returns whether the last call was not answered.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// Returns how many permits are leased.
    pub(super) fn count(&self) -> u32 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Tick = 2_000_000;

    fn lease(on_outage: OnOutage) -> Lease {
        let terms = Terms {
            length: LENGTH,
            margin: LENGTH / 10,
            most: 100,
            on_outage,
        };
        Lease::new(terms, 100, None)
    }

    fn load(in_use: u32, missing: u32) -> Load {
        Load {
            in_use,
            peak: in_use,
            missing,
        }
    }

    /// Asks for what requests need, and gets up to `most` of it.
    fn ask(lease: &mut Lease, now: Tick, load: Load, most: u32) -> u32 {
        let want = lease.plan(now, load, 4).expect("it has to ask");
        let told = Want {
            held: load.in_use,
            want,
        };
        let count = want.min(most);
        lease.grant(now, now + 1_000, told, &granted(count));
        count
    }

    fn granted(count: u32) -> Grant {
        Grant {
            count,
            target: count,
            limit: 100,
            out: count,
            wait: 0,
        }
    }

    #[test]
    fn a_lease_admits_until_a_margin_before_its_end_counted_from_the_call() {
        let mut lease = lease(OnOutage::Closed);
        assert_eq!(lease.usable(1_000, 4).0, 0);
        assert_eq!(ask(&mut lease, 1_000, load(0, 3), 100), 3);
        let ends = 1_000 + LENGTH - LENGTH / 10;
        assert_eq!(lease.usable(ends - 1, 4), (3, ends));
        assert_eq!(lease.usable(ends, 4).0, 0);
        assert!(!lease.lapse(1_000 + LENGTH - 1));
        assert!(lease.lapse(1_000 + LENGTH));
        assert!(!lease.lapse(1_000 + LENGTH), "once for each lease");
    }

    #[test]
    fn it_is_renewed_after_a_third_and_asks_twice_more_if_that_fails() {
        let mut lease = lease(OnOutage::Closed);
        ask(&mut lease, 0, load(0, 3), 100);
        let mut now = 0;
        let mut failures = 0;
        while now < LENGTH - LENGTH / 10 {
            if lease.plan(now, load(3, 0), 4).is_some() {
                lease.fail(now, now);
                failures += 1;
            }
            now = lease.next(now).max(now + 1);
        }
        assert!(failures >= 3, "{failures}");
        assert_eq!(lease.usable(now - 1, 4).0, 3);
    }

    #[test]
    fn too_few_permits_are_asked_for_again_after_a_pause() {
        let mut lease = lease(OnOutage::Closed);
        assert_eq!(ask(&mut lease, 0, load(0, 9), 4), 4);
        assert!(!lease.is_worth_asking(2_000));
        assert_eq!(lease.plan(2_000, load(4, 5), 4), None);
        assert!(lease.is_worth_asking(LENGTH / 10));
        assert!(lease.plan(LENGTH / 10, load(4, 5), 4) >= Some(9));
    }

    #[test]
    fn what_goes_to_others_is_not_used_and_given_back_when_it_is_free() {
        let mut lease = lease(OnOutage::Closed);
        ask(&mut lease, 0, load(0, 10), 100);
        let told = Want { held: 10, want: 10 };
        let grant = Grant {
            target: 6,
            ..granted(10)
        };
        lease.grant(500_000, 501_000, told, &grant);
        assert_eq!(lease.usable(502_000, 4).0, 6);
        assert_eq!(lease.plan(502_000, load(8, 0), 4), None);
        assert!(lease.plan(503_000, load(6, 0), 4).is_some());
        assert_eq!(lease.usable(504_000, 4).0, 6);
    }

    #[test]
    fn an_idle_lease_goes_back() {
        let mut lease = lease(OnOutage::Closed);
        ask(&mut lease, 0, load(0, 10), 100);
        let mut now = 0;
        let want = loop {
            now = lease.next(now);
            if let Some(want) = lease.plan(now, load(0, 0), 4) {
                break want;
            }
        };
        assert_eq!(want, 0);
        assert!(now < LENGTH / 2, "{now}");
        lease.grant(now, now, Want { held: 0, want: 0 }, &granted(0));
        assert!(lease.is_idle(now));
        assert_eq!(lease.usable(now, 4).0, 0);
    }

    #[test]
    fn in_an_outage_the_share_begins_when_the_leases_of_others_have_ended() {
        let mut lease = lease(OnOutage::LocalShare);
        ask(&mut lease, 0, load(0, 60), 100);
        lease.fail(700_000, 700_000);
        assert_eq!(lease.usable(1_000_000, 4).0, 60, "it is still leased");
        let ends = LENGTH - LENGTH / 10;
        assert_eq!(lease.usable(ends, 4).0, 25);
        assert_eq!(lease.usable(ends, 0).0, 0, "a share of how many?");
        let begins = 700_000 + LENGTH;
        let mut late = self::lease(OnOutage::LocalShare);
        late.fail(700_000, 700_000);
        assert_eq!(late.usable(begins - 1, 4).0, 0, "it had no lease");
        assert_eq!(late.usable(begins, 4).0, 25);
    }

    #[test]
    fn after_an_outage_others_may_still_use_their_shares_for_a_lease() {
        let mut lease = lease(OnOutage::LocalShare);
        lease.fail(100_000, 100_000);
        let back = 100_000 + 2 * LENGTH;
        assert_eq!(ask(&mut lease, back, load(20, 40), 100), 25);
        let soon = back + LENGTH / 3;
        assert_eq!(ask(&mut lease, soon, load(25, 40), 100), 25);
        let after = back + 1_000 + LENGTH;
        assert!(ask(&mut lease, after, load(25, 40), 100) >= 65);
    }

    #[test]
    fn the_lease_of_requests_ends_if_the_server_has_lost_it() {
        let mut lease = lease(OnOutage::Closed);
        ask(&mut lease, 0, load(0, 10), 100);
        let told = Want { held: 10, want: 10 };
        assert_eq!(lease.grant(700_000, 701_000, told, &granted(7)), 3);
        assert_eq!(lease.grant(800_000, 801_000, told, &granted(7)), 0);
    }
}
