//! The cohort of a principal in an hour.

use std::{cell::Cell, fmt, hash::Hasher, sync::Arc};

use siphasher::sip::SipHasher24;

use super::salt::SaltSource;
#[cfg(feature = "redis")]
use crate::redis::Connection;
use crate::{
    clock::{Clock, Tick, Wall},
    concurrency::priority::rank::Rank,
    key::{EncodedKey, StoreKey},
};

/// The length of an hour in ticks.
const HOUR: Tick = 3_600_000_000;

/// Divides principals into the 128 cohorts of a [`Rank`], anew in each hour.
///
/// A principal keeps its cohort for an hour, so the requests of one user are
/// served together or shed together, and each user is shed no more often than
/// any other in the long run. The cohort is the SipHash-2-4 of the hour and of
/// the principal's [encoded form](StoreKey#the-form), under a secret salt, so
/// that no client can choose a name with a good cohort.
///
/// All instances of a fleet must use the same salt and the same hour. Otherwise
/// a request that one service keeps is shed by the next, because a principal is
/// in another cohort there.
///
/// | salt | hour | all instances agree |
/// |---|---|---|
/// | [`random`](Self::random), the default | of this machine's clock | no: each process has its own |
/// | [`salted`](Self::salted) by the application | of this machine's clock | up to the difference of their clocks |
/// | `shared` in Redis (feature `redis`) | of the server's clock | yes, once Redis has answered |
///
/// ```
/// use sluicegate::concurrency::Cohorts;
///
/// let salt = *b"from a secret...";
/// let (one, other) = (Cohorts::salted(salt), Cohorts::salted(salt));
/// assert_eq!(one.of("ann"), other.of("ann"));
/// assert!(one.of("ann") < 128);
/// ```
#[derive(Clone)]
pub struct Cohorts {
    salt: Arc<SaltSource>,
}

impl Cohorts {
    /// Returns cohorts with a random salt, which no other process has.
    ///
    /// # Panics
    ///
    /// If the operating system has no random numbers.
    pub fn random() -> Self {
        Self::salted(crate::random::bytes())
    }

    /// Returns cohorts with this salt, such as one from the configuration of the
    /// fleet. It should be secret and random.
    pub fn salted(salt: [u8; 16]) -> Self {
        Self::clocked(salt, Wall)
    }

    /// Returns the same with another clock for the hour, for tests.
    pub fn clocked(salt: [u8; 16], clock: impl Clock) -> Self {
        let salt = SaltSource::fixed(salt, clock);
        Self {
            salt: Arc::new(salt),
        }
    }

    /// Returns cohorts whose salt a fleet shares in Redis under this name.
    ///
    /// The first process that asks stores a random salt. All count hours by the
    /// server's clock, and ask again once an hour, in the background. A process
    /// uses a random salt of its own until Redis has answered for the first
    /// time, and keeps the last one while Redis does not answer. The key lives
    /// for two days after the last process has asked.
    #[cfg(feature = "redis")]
    #[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
    pub fn shared(connection: &Connection, name: &str) -> Self {
        let salt = SaltSource::fleet(connection, name);
        Self {
            salt: Arc::new(salt),
        }
    }

    /// Returns the cohort of a principal in this hour.
    pub fn of(&self, principal: &(impl StoreKey + ?Sized)) -> u8 {
        let (salt, now) = self.salt.now();
        cohort(&salt, now / HOUR, principal)
    }
}

impl Default for Cohorts {
    fn default() -> Self {
        Self::random()
    }
}

impl fmt::Debug for Cohorts {
    // Without the salt, which is secret.
    debug_opaque!(Cohorts);
}

/// Returns the cohort of a principal in an hour since 1970. It does not
/// allocate, except for the first principals of a thread.
fn cohort(salt: &[u8; 16], hour: u64, principal: &(impl StoreKey + ?Sized)) -> u8 {
    thread_local! {
        static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    }
    let mut hasher = SipHasher24::new_with_key(salt);
    hasher.write(&hour.to_le_bytes());
    let room = ROOM.try_with(Cell::take).unwrap_or_default();
    let written = EncodedKey::written_into(room, principal);
    hasher.write(&written);
    // A thread that ends has no room any more.
    let _ = ROOM.try_with(|room| room.set(written));
    (hasher.finish() % u64::from(Rank::COHORTS)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Manual;
    use std::time::Duration;

    const SALT: [u8; 16] = *b"0123456789abcdef";

    #[test]
    fn a_cohort_is_the_sip_hash_of_the_hour_and_the_encoded_principal() {
        let mut hasher = SipHasher24::new_with_key(&SALT);
        hasher.write(b"\x07\0\0\0\0\0\0\0(ann,7)");
        let expected = (hasher.finish() % 128) as u8;
        assert_eq!(cohort(&SALT, 7, &("ann", 7)), expected);
    }

    #[test]
    fn a_principal_keeps_its_cohort_for_an_hour_and_changes_it_then() {
        let clock = Manual::new();
        let cohorts = Cohorts::clocked(SALT, clock.clone());
        let all = || {
            (0..1_000_u32)
                .map(|user| cohorts.of(&user))
                .collect::<Vec<_>>()
        };
        let first = all();
        clock.advance(Duration::from_secs(3_599));
        assert_eq!(all(), first);
        clock.advance(Duration::from_secs(1));
        let second = all();
        let stayed = first.iter().zip(&second).filter(|(a, b)| a == b).count();
        // One in 128 is in the same cohort by chance.
        assert!(stayed < 40, "{stayed}");
    }

    #[test]
    fn principals_are_spread_evenly() {
        let mut counts = [0_u32; 128];
        for user in 0..128_000_u32 {
            counts[usize::from(cohort(&SALT, 1, &user))] += 1;
        }
        // The mean is 1,000, and its standard deviation 32.
        assert!(
            counts.iter().all(|it| (800..1_200).contains(it)),
            "{counts:?}"
        );
    }

    #[test]
    fn the_salt_decides() {
        let of = |salt| {
            (0..64_u32)
                .map(|user| cohort(salt, 1, &user))
                .collect::<Vec<_>>()
        };
        assert_ne!(of(&SALT), of(b"0123456789abcdeg"));
    }
}
