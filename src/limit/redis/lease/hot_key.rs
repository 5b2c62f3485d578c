//! A key with a high demand: when it is leased, and how its share is spent.

use super::super::call::replay::Grant;
use crate::{
    clock::Tick,
    limit::{
        decision::Decision,
        rules::{quota::Cost, rule::Rule, script::Operation},
    },
};

/// Demand is measured over spans of so many ticks, and a share is meant to last
/// for one.
const SPAN_TICKS: Tick = 100_000;

/// The demand of one span at which a key is leased. Smaller shares save too
/// little.
const MIN_DEMAND: Cost = 32;

/// A share ends early by one part in so many of the time left in its term.
/// Clocks that NTP disciplines may differ by half of that.
const DRIFT_FRACTION: Tick = 1_000;

/// A key whose demand is measured, and the share that this process holds of it.
pub(super) struct HotKey<S> {
    /// Counts every check, whether a share or Redis answers it.
    pub(super) demand: Demand,
    /// `None` until the first grant, and after a return.
    pub(super) share: Option<LeasedShare<S>>,
    /// No share is asked for before this instant.
    renew_after: Tick,
    /// A task looks after the share, if this instant has not passed.
    pub(super) attended_until: Tick,
}

/// The demand in the present span and in the one before it.
#[derive(Default)]
pub(super) struct Demand {
    /// The number of the present span.
    span: Tick,
    /// The demand of the present span.
    current: Cost,
    /// The demand of the span before; 0 if there was none.
    previous: Cost,
}

/// A share of a bucket, already charged in Redis.
pub(super) struct LeasedShare<S> {
    /// How many tokens can still be spent.
    left: Cost,
    /// Spent since the server was last told.
    spent: Cost,
    /// Spent since the last review.
    spent_since_review: Cost,
    /// The number of the term, as the server counts.
    term: u64,
    /// When it ends, by our clock.
    ends: Tick,
    /// The bucket, with all shares charged.
    state: S,
    /// When that was the state, by the server's clock and by ours.
    then: (Tick, Tick),
}

/// The fate of a share.
pub(crate) enum LeaseReview {
    Keep,
    /// The demand is gone, so the share goes back by this operation.
    Return(Operation),
    /// The share was returned, or its term has ended.
    Gone,
}

impl<S: Clone> HotKey<S> {
    /// A key without demand and without a share.
    pub(super) fn new(now: Tick) -> Self {
        Self {
            demand: Demand {
                span: now / SPAN_TICKS,
                ..Demand::default()
            },
            share: None,
            renew_after: 0,
            attended_until: 0,
        }
    }

    /// Whether the key has a share, or was asked for in this span or the last.
    pub(super) fn is_of_use(&self, now: Tick) -> bool {
        let share = self.share.as_ref();
        share.is_some_and(|share| now < share.ends) || now / SPAN_TICKS <= self.demand.span + 1
    }

    /// Spends the cost, if the share has so much left.
    pub(super) fn spend<R: Rule<State = S>>(
        &mut self,
        rule: &R,
        now: Tick,
        cost: Cost,
    ) -> Option<Decision> {
        let share = self.share.as_mut()?;
        if cost == 0 || cost > share.left || now >= share.ends {
            return None;
        }
        // Decides like the bucket, if what is left of the share were still in
        // it.
        let (server, ours) = share.then;
        let server = server + now.saturating_sub(ours);
        let mut state = share.state.clone();
        rule.credit(&mut state, server, share.left);
        let decision = rule.decide(&mut state, server, cost);
        if decision.is_denied() {
            return None;
        }
        share.left -= cost;
        share.spent += cost;
        share.spent_since_review += cost;
        Some(decision)
    }

    /// Returns the lease to ask for, if less than a quarter of a span's demand
    /// is left.
    pub(super) fn renewal(&mut self, now: Tick, max_share: Cost) -> Option<Operation> {
        let need = self.demand.of_a_span().min(max_share);
        if need < MIN_DEMAND || now < self.renew_after {
            return None;
        }
        let share = self.share.as_mut().filter(|share| now < share.ends);
        let left = share.as_ref().map_or(0, |share| share.left);
        if left > need / 4 {
            return None;
        }
        // If no reply comes, it is asked for again after a span.
        self.renew_after = now + SPAN_TICKS;
        let (spent, term) = share.map_or((0, 0), |share| {
            (std::mem::take(&mut share.spent), share.term)
        });
        Some(Operation::Lease(need - left, spent, term))
    }

    /// Adds what was granted to the share, or begins a new one with a new term.
    pub(super) fn grant(&mut self, now: Tick, grant: &Grant<'_, S>, charged: S) {
        // Close to the limit a share is not worth it, so each check asks Redis.
        let pause = if grant.granted < MIN_DEMAND {
            SPAN_TICKS
        } else {
            0
        };
        self.renew_after = now + pause;
        // The reply was overtaken by one of a later term.
        let newer = |share: &LeasedShare<S>| share.term > grant.term && now < share.ends;
        if self.share.as_ref().is_some_and(newer) {
            return;
        }
        let same = |share: &LeasedShare<S>| share.term == grant.term && now < share.ends;
        let kept = self.share.take().filter(same);
        let ends = grant.ends_by_our_clock();
        let (left, spent, spent_since_review, ends) = kept.map_or((0, 0, 0, ends), |share| {
            // After a step back of the server's clock its term only seems
            // longer.
            let ends = share.ends.min(ends);
            (share.left, share.spent, share.spent_since_review, ends)
        });
        self.share = Some(LeasedShare {
            left: left.saturating_add(grant.granted),
            spent,
            spent_since_review,
            term: grant.term,
            ends,
            state: charged,
            then: (grant.now, now),
        });
    }

    /// A share goes back when it is idle, or when most of it would not be spent
    /// before the term is over. Reviews are `interval` ticks apart.
    pub(super) fn review(&mut self, now: Tick, interval: Tick) -> LeaseReview {
        let Some(share) = self.share.as_mut().filter(|share| now < share.ends) else {
            return LeaseReview::Gone;
        };
        let spent_lately = std::mem::take(&mut share.spent_since_review);
        let reviews_left = (share.ends - now) / interval;
        let is_idle = spent_lately == 0;
        let is_too_much = reviews_left <= 1 && share.left > 2 * spent_lately;
        if !(is_idle || is_too_much) {
            return LeaseReview::Keep;
        }
        LeaseReview::Return(Operation::Return(share.left, share.spent, share.term))
    }
}

impl<S> Grant<'_, S> {
    /// When the term ends by the clock of this process: not later than by the
    /// server's, which was read after the request was made.
    fn ends_by_our_clock(&self) -> Tick {
        let rest = self.ends.saturating_sub(self.now);
        self.request.made_at + rest - rest.div_ceil(DRIFT_FRACTION)
    }
}

impl Demand {
    /// Counts a demand, in the span of `now`.
    pub(super) fn add(&mut self, now: Tick, cost: Cost) {
        let span = now / SPAN_TICKS;
        if span > self.span {
            let is_next = span == self.span + 1;
            self.previous = if is_next { self.current } else { 0 };
            (self.span, self.current) = (span, 0);
        }
        self.current = self.current.saturating_add(cost);
    }

    /// The larger of both spans, because the present one is not over.
    fn of_a_span(&self) -> Cost {
        self.current.max(self.previous)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::{
        FixedWindow, Quota, Word,
        redis::call::request::{Bucket, Epoch, Request},
    };

    const TERM: Tick = 1_000_000;
    const INTERVAL: Tick = 50_000;

    fn rule() -> FixedWindow {
        FixedWindow::new(Quota::per_second(1_000))
    }

    /// Grants `granted` tokens of a term, of which half is over; the request
    /// was made at `made_at` by our clock, and the reply came a little later.
    fn grant(key: &mut HotKey<Word>, granted: Cost, term: u64, made_at: Tick) {
        let bucket = Bucket {
            name: Vec::new(),
            hash: 0,
        };
        let request = Request {
            bucket,
            operation: Operation::Lease(granted, 0, 0),
            epoch: Epoch::default(),
            made_at,
        };
        let now = term * TERM + TERM / 2;
        let grant = Grant {
            request: &request,
            state: &Word::EMPTY,
            granted,
            term,
            now,
            ends: (term + 1) * TERM,
        };
        let mut charged = Word::EMPTY;
        rule().debit(&mut charged, now, granted);
        key.grant(made_at + 300, &grant, charged);
    }

    #[test]
    fn a_share_is_spent_until_its_term_ends_and_no_longer() {
        let mut key = HotKey::new(0);
        grant(&mut key, 100, 7, 10_000);
        // Half a term after it was asked for, not after it came, less a
        // thousandth.
        let ends = 10_000 + TERM / 2 - TERM / 2_000;
        let decision = key.spend(&rule(), ends - 1, 60).expect("it is there");
        assert_eq!((decision.limit(), decision.remaining()), (1_000, 940));
        assert!(key.spend(&rule(), ends - 1, 41).is_none());
        assert!(key.spend(&rule(), ends, 1).is_none());
        assert!(key.spend(&rule(), ends - 1, 0).is_none());
    }

    #[test]
    fn the_rest_of_one_term_is_not_spent_in_the_next() {
        let mut key = HotKey::new(0);
        grant(&mut key, 100, 7, 10_000);
        grant(&mut key, 50, 7, 20_000);
        assert!(key.spend(&rule(), 21_000, 110).is_some());
        grant(&mut key, 30, 8, 30_000);
        assert!(key.spend(&rule(), 31_000, 31).is_none());
        assert!(key.spend(&rule(), 31_000, 30).is_some());
    }

    #[test]
    fn no_later_reply_makes_a_share_last_longer() {
        let mut key = HotKey::new(0);
        grant(&mut key, 100, 7, 10_000);
        // As after a step back of the server's clock, by which half a term is
        // left.
        grant(&mut key, 0, 7, 400_000);
        let ends = 10_000 + TERM / 2 - TERM / 2_000;
        assert!(key.spend(&rule(), ends - 1, 1).is_some());
        assert!(key.spend(&rule(), ends, 1).is_none());
    }

    #[test]
    fn a_late_reply_of_an_earlier_term_is_ignored() {
        let mut key = HotKey::new(0);
        grant(&mut key, 100, 8, 20_000);
        grant(&mut key, 50, 7, 10_000);
        assert!(key.spend(&rule(), 30_000, 100).is_some());
        assert!(key.spend(&rule(), 30_000, 1).is_none());
    }

    #[test]
    fn spending_is_reported_once_and_an_idle_share_goes_back() {
        let mut key = HotKey::new(0);
        grant(&mut key, 100, 7, 10_000);
        key.spend(&rule(), 11_000, 90);
        key.demand.add(11_000, 90);
        let renewal = key.renewal(11_000, 1_000);
        assert_eq!(renewal, Some(Operation::Lease(80, 90, 7)));
        assert_eq!(key.renewal(11_001, 1_000), None);
        assert!(matches!(key.review(12_000, INTERVAL), LeaseReview::Keep));
        let LeaseReview::Return(operation) = key.review(13_000, INTERVAL) else {
            panic!("nothing was spent since the last review");
        };
        assert_eq!(operation, Operation::Return(10, 0, 7));
    }
}
