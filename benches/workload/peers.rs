//! The limiters of other crates that make the same decisions.

use std::{hash::Hash, hint::black_box, num::NonZeroU32, sync::Arc, thread, time::Duration};

use governor::{Quota, RateLimiter, clock::DefaultClock, state::keyed::DashMapStateStore};

use super::{
    keys::{Names, Order, name},
    ours::strangers,
    side::Side,
};

/// governor: one bucket that is never empty.
pub(crate) fn governor() -> Side {
    let limiter = Arc::new(RateLimiter::direct(quota(Duration::from_nanos(1))));
    Side::admitting(limiter, |limiter, _| black_box(limiter.check()).is_ok())
}

/// ratelimit: one bucket that is never empty.
pub(crate) fn ratelimit() -> Side {
    let limiter = ratelimit::Ratelimiter::builder(1_000_000_000)
        .initial_available(1_000_000_000)
        .build();
    let limiter = Arc::new(limiter.expect("the limit is valid"));
    Side::admitting(limiter, |limiter, _| black_box(limiter.try_wait()).is_ok())
}

/// leaky-bucket: one bucket that is never empty. It reads its clock only when the
/// bucket is empty.
pub(crate) fn leaky_bucket() -> Side {
    let limiter = leaky_bucket::RateLimiter::builder()
        .max(usize::MAX >> 8)
        .initial(usize::MAX >> 8)
        .build();
    Side::admitting(Arc::new(limiter), |limiter, _| {
        black_box(limiter.try_acquire(black_box(1)))
    })
}

/// governor: a bucket for each number, in use and never empty.
pub(crate) fn governor_by_number(order: &Order) -> Side {
    by_number((keyed(order.every()), order.clone()))
}

/// governor: a bucket for each number, full again whenever it is looked at.
pub(crate) fn governor_full_by_number(order: &Order) -> Side {
    let limiter = with_hasher(quota(Duration::from_nanos(1)));
    for key in order.every() {
        assert!(limiter.check_key(&key).is_ok());
    }
    by_number((Arc::new(limiter), order.clone()))
}

/// governor: the same as [`churned_by_number`](super::ours::churned_by_number). It drops
/// a key only when it is told to drop all that are whole again, so its keys leave
/// all at once.
pub(crate) fn governor_churned_by_number(order: &Order) -> Side {
    let limiter = with_hasher(quota(Duration::from_secs(1)));
    for key in strangers(4 * order.keys) {
        assert!(limiter.check_key(&key).is_ok());
    }
    // They have taken a token, which is back after a second.
    thread::sleep(Duration::from_millis(1_100));
    limiter.retain_recent();
    fill(&limiter, order.every());
    by_number((Arc::new(limiter), order.clone()))
}

fn by_number(subject: (Arc<Keyed<u64>>, Order)) -> Side {
    Side::admitting(subject, |(limiter, order), step| {
        let key = order.key(step) as u64;
        black_box(limiter.check_key(&black_box(key))).is_ok()
    })
}

/// governor: a bucket for each name, in use and never empty. It takes a `&String`,
/// so a caller with a `&str` allocates one for each call.
pub(crate) fn governor_by_name(order: &Order) -> Side {
    let subject = (keyed(order.every().map(name)), Names::of(order));
    Side::admitting(subject, |(limiter, names), step| {
        let name = black_box(names.name(step));
        black_box(limiter.check_key(&name.to_owned())).is_ok()
    })
}

/// The hasher that is governor's fastest, and that of this crate.
#[cfg(not(feature = "default-hasher"))]
type Hasher = ahash::RandomState;
/// governor's default hasher.
#[cfg(feature = "default-hasher")]
type Hasher = std::hash::RandomState;

type Keyed<K> = RateLimiter<K, DashMapStateStore<K, Hasher>, DefaultClock>;

fn with_hasher<K: Hash + Eq + Clone>(quota: Quota) -> Keyed<K> {
    let hasher = Hasher::new();
    RateLimiter::dashmap_with_clock_and_hasher(quota, DefaultClock::default(), hasher)
}

/// A limiter that keeps every bucket in use for an hour.
fn keyed<K>(keys: impl Iterator<Item = K>) -> Arc<Keyed<K>>
where
    K: Hash + Eq + Clone,
{
    let limiter = with_hasher(quota(Duration::from_secs(1)));
    fill(&limiter, keys);
    Arc::new(limiter)
}

fn fill<K: Hash + Eq + Clone>(limiter: &Keyed<K>, keys: impl Iterator<Item = K>) {
    let hour = NonZeroU32::new(3_600).expect("not 0");
    for key in keys {
        assert_eq!(limiter.check_key_n(&key, hour), Ok(Ok(())));
    }
}

fn quota(token: Duration) -> Quota {
    let quota = Quota::with_period(token).expect("not 0");
    quota.allow_burst(NonZeroU32::MAX)
}
