//! A queue that drains at a constant rate, or a meter. Its twin is
//! `lua/leaky_bucket.lua`.

use super::{
    forward::forward,
    gcra::Gcra,
    quota::{Cost, Quota},
    rule::Rule,
    word::Word,
};
use crate::{
    clock::Tick,
    error::{InvalidSetting, valid},
    limit::decision::Decision,
};

/// A queue that drains at a constant rate: requests leave it one every
/// `period / amount`, and a request that finds it full is denied.
///
/// It has places for the requests that wait, beside the one that goes at once:
/// as many as the quota's burst, unless the [queue](Self::queue) is given a
/// number of its own. With T = period / amount and `next_free` the instant at
/// which the queue has drained:
///
/// ```text
/// start = max(next_free, now)
/// admit if (start - now) + (cost - 1) * T <= places * T,
///       and then next_free = start + cost * T, to wait for start - now
/// limit       = places + 1
/// remaining   = floor((limit * T - (next_free - now)) / T)
/// reset_after = next_free - now
/// ```
///
/// A request that has to wait gets the verdict
/// [`Queue`](crate::limit::Verdict::Queue), and the caller has to sleep for that long.
/// `until_ready` and the layer sleep themselves, and after that the verdict is
/// [`Admit`](crate::limit::Verdict::Admit). The caller's `Wait` can bound the
/// wait further. So this rule smooths: requests never pass closer together
/// than T.
///
/// [`LeakyBucket::meter`] is the other algorithm of that name: a bucket that
/// fills with requests, leaks at a constant rate, and denies the request that
/// would overflow it. No request waits. It is the token bucket seen from the
/// other side, and decides the same.
///
/// ```
/// use std::time::Duration;
/// use sluicegate::limit::{LeakyBucket, Quota, Rule, Verdict};
///
/// let rule = LeakyBucket::new(Quota::per_second(10).burst(2));
/// let mut state = Default::default();
/// let mut verdict = || rule.decide(&mut state, 0, 1).verdict();
/// assert_eq!(verdict(), Verdict::Admit);
/// assert_eq!(verdict(), Verdict::Queue(Duration::from_millis(100)));
/// assert_eq!(verdict(), Verdict::Queue(Duration::from_millis(200)));
/// assert_eq!(verdict(), Verdict::Deny);
/// ```
///
/// # Pacing a client
///
/// A partner allows 10 calls a second. Calls leave 100 ms apart; up to 50 wait
/// for their turn, for 2 seconds at most, and any other fails at once:
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use std::time::Duration;
/// use futures_util::future::join_all;
/// use http::{Request, Response};
/// use sluicegate::{clock, limit::{LeakyBucket, Local, Wait, Quota, RateLimitLayer}};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// let rule = LeakyBucket::new(Quota::per_second(10)).queue(50);
/// let limiter = Local::builder(rule).clock(clock::Tokio::new()).direct();
/// let layer = RateLimitLayer::client(limiter).wait(Wait::up_to(Duration::from_secs(2)));
///
/// // Any client that is a tower service: a tonic channel, hyper's client, reqwest's.
/// let client = layer.layer(service_fn(|call: Request<String>| async move {
///     Ok::<_, std::convert::Infallible>(Response::new(call.into_body()))
/// }));
///
/// let begin = tokio::time::Instant::now();
/// let calls = (0..30).map(|n| client.clone().oneshot(Request::new(format!("call {n}"))));
/// let answers = join_all(calls).await;
/// let passed = answers.iter().flatten().filter(|answer| answer.status().is_success());
/// // One at once, and 20 in two seconds.
/// assert_eq!(passed.count(), 21);
/// assert_eq!(begin.elapsed(), Duration::from_secs(2));
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeakyBucket {
    quota: Quota,
    pub(super) gcra: Gcra,
    /// Whether an admitted request waits for its turn.
    queues: bool,
}

impl LeakyBucket {
    /// A queue with room for the quota's burst to wait.
    pub fn new(quota: Quota) -> Self {
        Self::sized(quota, quota.burst_size() + 1, true)
    }

    /// Sets how many may wait beside the one that goes at once, instead of the
    /// quota's burst. With 0, no request waits: one passes every T.
    ///
    /// # Panics
    ///
    /// If [`try_queue`](Self::try_queue) would fail.
    #[must_use]
    #[track_caller]
    pub fn queue(self, places: u64) -> Self {
        valid(self.try_queue(places))
    }

    /// Sets how many may wait beside the one that goes at once.
    ///
    /// # Errors
    ///
    /// If there are more than 2^51 places, if the last of them would wait for
    /// longer than 142 years, or if this is a [`meter`](Self::meter), which has
    /// no queue.
    pub fn try_queue(self, places: u64) -> Result<Self, InvalidSetting> {
        if !self.queues {
            let allowed = "left out, because a meter has no queue";
            return Err(InvalidSetting::new("queue", places, allowed));
        }
        let rate = self.quota.rate_of_queue(places)?;
        let gcra = Gcra::new(rate, places + 1);
        Ok(Self { gcra, ..self })
    }

    /// A meter that holds the quota's burst.
    pub fn meter(quota: Quota) -> Self {
        Self::sized(quota, quota.burst_size(), false)
    }

    /// A bucket of `size` tokens: one beside those that wait, or the burst.
    fn sized(quota: Quota, size: u64, queues: bool) -> Self {
        Self {
            quota,
            gcra: Gcra::new(quota.rate(), size),
            queues,
        }
    }
}

impl Rule for LeakyBucket {
    type State = Word;

    #[inline(always)]
    fn decide(&self, state: &mut Word, now: Tick, cost: Cost) -> Decision {
        let (decision, ahead) = self.gcra.decide(state, now, cost);
        // A cost of 0 takes no place, so it has nothing to wait for.
        if self.queues && decision.is_admitted() && ahead > 0 && cost > 0 {
            return decision.queued(ahead);
        }
        decision
    }

    /// A place in a queue is known by its mark as it was.
    fn mark_refunded(&self, mark: u64, refunded: Cost) -> u64 {
        match self.queues {
            true => mark,
            false => self.gcra.mark_refunded(mark, refunded),
        }
    }

    /// A place in the queue goes back only while no other request came after
    /// it. Otherwise a newcomer would get the place of the last one that did.
    fn undo(&self, state: &mut Word, now: Tick, cost: Cost, at: Tick, mark: u64) -> Cost {
        match self.queues {
            true => self.gcra.give_back(state, now, cost, (at, mark)),
            false => self.gcra.undo(state, now, cost, (at, mark)),
        }
    }

    #[inline(always)]
    fn queues(&self) -> bool {
        self.queues
    }

    forward!(gcra: credit, debit, max_debit, lifetime);
    forward!(gcra: book, mark, life, horizon);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::limit::{TokenBucket, Verdict};

    const T: Tick = 100_000;

    #[test]
    fn admitted_requests_are_an_interval_apart() {
        let (rule, mut state) = (
            LeakyBucket::new(Quota::per_second(10).burst(3)),
            Word::EMPTY,
        );
        let starts: Vec<_> = [0, 10, 20, 2 * T, 9 * T]
            .into_iter()
            .map(|now| match rule.decide(&mut state, now, 1).verdict() {
                Verdict::Admit => now,
                Verdict::Queue(wait) => now + wait.as_micros() as Tick,
                Verdict::Deny => panic!("there was room"),
            })
            .collect();
        assert_eq!(starts, [0, T, 2 * T, 3 * T, 9 * T]);
    }

    #[test]
    fn a_full_queue_refuses_until_one_has_left() {
        let (rule, mut state) = (
            LeakyBucket::new(Quota::per_second(10).burst(1)),
            Word::EMPTY,
        );
        assert!(rule.decide(&mut state, 0, 1).is_admitted());
        let last = rule.decide(&mut state, 0, 1);
        assert_eq!((last.limit(), last.remaining()), (2, 0));
        let denied = rule.decide(&mut state, 0, 1);
        assert_eq!(denied.retry_after(), Some(Duration::from_micros(T)));
        assert!(rule.decide(&mut state, T - 1, 1).is_denied());
        let queued = rule.decide(&mut state, T, 1).verdict();
        assert_eq!(queued, Verdict::Queue(Duration::from_micros(T)));
    }

    #[test]
    fn a_queue_has_a_size_of_its_own() {
        let quota = Quota::per_second(10).burst(7);
        for places in [0, 1, 7, 50] {
            let rule = LeakyBucket::new(quota).queue(places);
            let mut state = Word::EMPTY;
            let passed = (0..100).filter(|_| rule.decide(&mut state, 0, 1).is_admitted());
            assert_eq!(passed.count() as u64, places + 1);
            assert_eq!(rule.quota(), quota);
        }
        let same = LeakyBucket::new(quota).queue(7);
        assert_eq!(same, LeakyBucket::new(quota));
    }

    #[test]
    fn an_impossible_queue_is_named_in_the_error() {
        let yearly = LeakyBucket::new(Quota::per_day(1));
        for error in [
            yearly.try_queue(1 << 51).unwrap_err(),
            yearly.try_queue(u64::MAX).unwrap_err(),
            LeakyBucket::meter(Quota::per_day(1))
                .try_queue(3)
                .unwrap_err(),
        ] {
            assert_eq!(error.field(), "queue");
        }
    }

    #[test]
    fn a_meter_decides_like_the_token_bucket() {
        let quota = Quota::per_minute(7).burst(3);
        let (meter, bucket) = (LeakyBucket::meter(quota), TokenBucket::new(quota));
        let (mut a, mut b) = (Word::EMPTY, Word::EMPTY);
        for step in 0..200 {
            let (now, cost) = (step * 1_234_567, step % 4);
            assert_eq!(
                meter.decide(&mut a, now, cost),
                bucket.decide(&mut b, now, cost)
            );
            assert_eq!(a, b);
        }
    }
}
