//! Tokens taken from Redis ahead of need, and spent here.
//!
//! A bucket that is much asked for is leased: the script charges a share of it
//! at once, and checks are answered from the share, without Redis. What is spent
//! was charged before, so no more passes than without leases. Two things could
//! still make it more:
//!
//! - The bucket could refill while shares of it are out. So the script counts
//!   what is out, leaves that much room empty, and counts it as spent at the very
//!   end of its term.
//! - A share could be spent after its term. So it ends by a clock of this process
//!   that was read before the server read its own, a thousandth early because
//!   clocks do not run at one speed, and no later answer makes it last longer.
//!
//! The bound: no share is spent after its term by the server's clock, unless that
//! clock steps ahead, gains more than a thousandth on this one, or this one stands
//! still (a suspended machine). Then a bucket lets the refill of that time pass
//! beyond its limit, and a window what was out.

use std::collections::HashMap;

use ahash::RandomState;

use super::batch::Leased;
use crate::{
    clock::{Clock, Monotonic, Tick},
    limit::{
        decision::Decision,
        rules::{quota::Cost, rule::Rule, script::Operation},
    },
    sync::{Mutex, MutexGuard, lock},
};

const SHARDS: usize = 16;

/// Demand is measured over such spans, and a share is meant to last for one.
const SPAN: Tick = 100_000;

/// A key of which this much is asked in a span is leased; fewer tokens than
/// this are not worth it.
const HOT: Cost = 32;

/// How often a share is looked after.
pub(super) const LOOK: Tick = 50_000;

/// A share that was not looked after for so long has lost who did: a runtime
/// that ended.
const MISSED: Tick = 4 * LOOK;

/// A share ends by this part of what is left of its term too early: clocks that
/// are disciplined by NTP may differ by half of it.
const DRIFT: Tick = 1_000;

/// Keys that are counted, to see which are hot.
const COUNTED: usize = 16_384;

/// The shares that this process holds.
pub(super) struct Leases<S> {
    shards: [Mutex<HashMap<u64, Slot<S>, RandomState>>; SHARDS],
    /// The largest share of a bucket.
    most: Cost,
    clock: Monotonic,
}

/// A key that is being asked for.
struct Slot<S> {
    demand: Demand,
    share: Option<Share<S>>,
    /// Before when not to ask again.
    renew_after: Tick,
    /// Somebody looks after the share, if it was not longer ago than this.
    watched_until: Tick,
}

/// What was asked in the present span and in the one before it.
struct Demand {
    span: Tick,
    now: Cost,
    before: Cost,
}

struct Share<S> {
    left: Cost,
    /// Spent since the server was told.
    spent: Cost,
    /// Spent since somebody looked.
    unseen: Cost,
    term: u64,
    /// By our clock.
    ends: Tick,
    /// The bucket with all that was charged, and when that was by the server's
    /// clock and by ours.
    state: S,
    then: (Tick, Tick),
}

/// What is to be done about a share.
pub(super) enum Look {
    Stay,
    /// Nobody needs it.
    GiveBack(Operation),
    Gone,
}

impl<S: Clone> Leases<S> {
    pub(super) fn new(most: Cost) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            most,
            clock: Monotonic::new(),
        }
    }

    /// Takes the cost out of a share, if there is one with so much left; and
    /// says what is to be asked of the server to have enough soon.
    pub(super) fn spend<R: Rule<State = S>>(
        &self,
        rule: &R,
        key: u64,
        cost: Cost,
    ) -> (Option<Decision>, Option<Operation>) {
        // What could never be spent out of a share is no demand for one.
        if cost > self.most {
            return (None, None);
        }
        let now = self.clock.now();
        let mut slots = self.shard(key);
        if slots.len() >= COUNTED / SHARDS && !slots.contains_key(&key) {
            slots.retain(|_, slot| slot.is_of_use(now));
            if slots.len() >= COUNTED / SHARDS {
                return (None, None);
            }
        }
        let slot = slots.entry(key).or_insert_with(|| Slot::new(now));
        slot.demand.add(now, cost);
        let decision = slot.spend(rule, now, cost);
        (decision, slot.renewal(now, self.most))
    }

    /// Adds what was granted; answers whether somebody has to be found to look
    /// after it.
    pub(super) fn granted(&self, key: u64, lease: &Leased<'_, S>, charged: S) -> bool {
        let now = self.clock.now();
        let mut slots = self.shard(key);
        let slot = slots.entry(key).or_insert_with(|| Slot::new(now));
        // Where there is little left, each check is better asked for.
        let pause = if lease.granted < HOT { SPAN } else { 0 };
        slot.renew_after = now + pause;
        slot.add(now, lease, charged);
        let watched = now < slot.watched_until;
        slot.watched_until = now + MISSED;
        !watched
    }

    pub(super) fn look_after(&self, key: u64) -> Look {
        let now = self.clock.now();
        let mut slots = self.shard(key);
        let Some(slot) = slots.get_mut(&key) else {
            return Look::Gone;
        };
        let look = slot.look(now);
        slot.watched_until = match look {
            Look::Stay => now + MISSED,
            _ => 0,
        };
        if slot.watched_until == 0 {
            slot.share = None;
        }
        look
    }

    /// The present instant by the clock that terms end by.
    pub(super) fn now(&self) -> Tick {
        self.clock.now()
    }

    fn shard(&self, key: u64) -> MutexGuard<'_, HashMap<u64, Slot<S>, RandomState>> {
        lock(&self.shards[key as usize % SHARDS])
    }
}

impl<S: Clone> Slot<S> {
    fn new(now: Tick) -> Self {
        Self {
            demand: Demand {
                span: now / SPAN,
                now: 0,
                before: 0,
            },
            share: None,
            renew_after: 0,
            watched_until: 0,
        }
    }

    fn is_of_use(&self, now: Tick) -> bool {
        let share = self.share.as_ref();
        share.is_some_and(|share| now < share.ends) || now / SPAN <= self.demand.span + 1
    }

    fn spend<R: Rule<State = S>>(&mut self, rule: &R, now: Tick, cost: Cost) -> Option<Decision> {
        let share = self.share.as_mut()?;
        if cost == 0 || cost > share.left || now >= share.ends {
            return None;
        }
        // As the bucket would decide, if what is left of the share were in it.
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
        share.unseen += cost;
        Some(decision)
    }

    /// What is to be asked for, if less than a quarter of what is needed in a
    /// span is left.
    fn renewal(&mut self, now: Tick, most: Cost) -> Option<Operation> {
        let need = self.demand.of_a_span().min(most);
        if need < HOT || now < self.renew_after {
            return None;
        }
        let share = self.share.as_mut().filter(|share| now < share.ends);
        let left = share.as_ref().map_or(0, |share| share.left);
        if left > need / 4 {
            return None;
        }
        // If no answer comes, it is asked for again after a span.
        self.renew_after = now + SPAN;
        let (spent, term) = share.map_or((0, 0), |share| {
            (std::mem::take(&mut share.spent), share.term)
        });
        Some(Operation::Lease(need - left, spent, term))
    }

    fn add(&mut self, now: Tick, lease: &Leased<'_, S>, charged: S) {
        // An answer that was overtaken by one of a later term.
        let newer = |share: &Share<S>| share.term > lease.term && now < share.ends;
        if self.share.as_ref().is_some_and(newer) {
            return;
        }
        let same = |share: &Share<S>| share.term == lease.term && now < share.ends;
        let kept = self.share.take().filter(same);
        let ends = lease.ends_by_ours();
        let (left, spent, unseen, ends) = kept.map_or((0, 0, 0, ends), |share| {
            // After a step back of the server's clock its term only seems longer.
            (share.left, share.spent, share.unseen, share.ends.min(ends))
        });
        self.share = Some(Share {
            left: left.saturating_add(lease.granted),
            spent,
            unseen,
            term: lease.term,
            ends,
            state: charged,
            then: (lease.now, now),
        });
    }

    /// What is not being spent goes back, and so does what would not be spent
    /// before the term is over.
    fn look(&mut self, now: Tick) -> Look {
        let Some(share) = self.share.as_mut().filter(|share| now < share.ends) else {
            return Look::Gone;
        };
        let spent_lately = std::mem::take(&mut share.unseen);
        let looks_left = (share.ends - now) / LOOK;
        let idle = spent_lately == 0;
        let too_much = looks_left <= 1 && share.left > 2 * spent_lately;
        if !(idle || too_much) {
            return Look::Stay;
        }
        Look::GiveBack(Operation::Return(share.left, share.spent, share.term))
    }
}

impl<S> Leased<'_, S> {
    /// When the term ends by the clock of this process: not later than by the
    /// server's, which was read after the question was made.
    fn ends_by_ours(&self) -> Tick {
        let rest = self.ends.saturating_sub(self.now);
        self.ask.asked + rest - rest.div_ceil(DRIFT)
    }
}

impl Demand {
    fn add(&mut self, now: Tick, cost: Cost) {
        let span = now / SPAN;
        if span > self.span {
            self.before = if span == self.span + 1 { self.now } else { 0 };
            (self.span, self.now) = (span, 0);
        }
        self.now = self.now.saturating_add(cost);
    }

    fn of_a_span(&self) -> Cost {
        self.now.max(self.before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::{
        FixedWindow, Quota, Word,
        redis::{
            denial_cache::Epoch,
            request::{Ask, Bucket},
        },
    };

    const TERM: Tick = 1_000_000;

    fn rule() -> FixedWindow {
        FixedWindow::new(Quota::per_second(1_000))
    }

    /// Grants `granted` tokens of a term, of which half is over; it was asked
    /// for at `asked` by our clock, and came a little later.
    fn grant(slot: &mut Slot<Word>, granted: Cost, term: u64, asked: Tick) {
        let bucket = Bucket {
            name: Vec::new(),
            key: 0,
        };
        let ask = Ask {
            bucket,
            entry: Operation::Lease(granted, 0, 0),
            epoch: Epoch::default(),
            asked,
        };
        let now = term * TERM + TERM / 2;
        let lease = Leased {
            ask: &ask,
            state: &Word::EMPTY,
            granted,
            term,
            now,
            ends: (term + 1) * TERM,
        };
        let mut charged = Word::EMPTY;
        rule().debit(&mut charged, now, granted);
        slot.add(asked + 300, &lease, charged);
    }

    #[test]
    fn a_share_is_spent_until_its_term_ends_and_no_longer() {
        let mut slot = Slot::new(0);
        grant(&mut slot, 100, 7, 10_000);
        // Half a term after it was asked for, not after it came, less a thousandth.
        let ends = 10_000 + TERM / 2 - TERM / 2_000;
        let decision = slot.spend(&rule(), ends - 1, 60).expect("it is there");
        assert_eq!((decision.limit(), decision.remaining()), (1_000, 940));
        assert!(slot.spend(&rule(), ends - 1, 41).is_none());
        assert!(slot.spend(&rule(), ends, 1).is_none());
        assert!(slot.spend(&rule(), ends - 1, 0).is_none());
    }

    #[test]
    fn what_is_left_of_one_term_is_not_spent_in_the_next() {
        let mut slot = Slot::new(0);
        grant(&mut slot, 100, 7, 10_000);
        grant(&mut slot, 50, 7, 20_000);
        assert!(slot.spend(&rule(), 21_000, 110).is_some());
        grant(&mut slot, 30, 8, 30_000);
        assert!(slot.spend(&rule(), 31_000, 31).is_none());
        assert!(slot.spend(&rule(), 31_000, 30).is_some());
    }

    #[test]
    fn no_later_answer_makes_a_share_last_longer() {
        let mut slot = Slot::new(0);
        grant(&mut slot, 100, 7, 10_000);
        // As after a step back of the server's clock, by which half a term is left.
        grant(&mut slot, 0, 7, 400_000);
        let ends = 10_000 + TERM / 2 - TERM / 2_000;
        assert!(slot.spend(&rule(), ends - 1, 1).is_some());
        assert!(slot.spend(&rule(), ends, 1).is_none());
    }

    #[test]
    fn an_answer_of_an_earlier_term_that_comes_late_is_of_no_use() {
        let mut slot = Slot::new(0);
        grant(&mut slot, 100, 8, 20_000);
        grant(&mut slot, 50, 7, 10_000);
        assert!(slot.spend(&rule(), 30_000, 100).is_some());
        assert!(slot.spend(&rule(), 30_000, 1).is_none());
    }

    #[test]
    fn what_was_spent_is_told_once_and_what_is_idle_goes_back() {
        let mut slot = Slot::new(0);
        grant(&mut slot, 100, 7, 10_000);
        slot.spend(&rule(), 11_000, 90);
        slot.demand.add(11_000, 90);
        let renewal = slot.renewal(11_000, 1_000);
        assert_eq!(renewal, Some(Operation::Lease(80, 90, 7)));
        assert_eq!(slot.renewal(11_001, 1_000), None);
        assert!(matches!(slot.look(12_000), Look::Stay));
        let Look::GiveBack(entry) = slot.look(13_000) else {
            panic!("nothing was spent since the last look");
        };
        assert_eq!(entry, Operation::Return(10, 0, 7));
    }
}
