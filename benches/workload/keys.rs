//! The keys and their order, which are the same in every run.

use std::sync::Arc;

/// The number of steps before the order repeats; enough to reach almost all of a
/// million keys.
const PICKS: usize = 1 << 22;

/// A fixed order of the keys 0, 1, 2, …
#[derive(Clone)]
pub(crate) struct Order {
    pub(crate) keys: usize,
    picks: Arc<[u32]>,
}

impl Order {
    /// Each key is equally frequent.
    pub(crate) fn uniform(keys: usize) -> Self {
        Self::pick(keys, |random| (random * keys as f64) as usize)
    }

    /// The n-th key is 1/n as frequent as the first: Zipf's law with exponent 1.
    pub(crate) fn zipf(keys: usize) -> Self {
        let shares = (1..=keys).scan(0.0, |sum, rank| {
            *sum += 1.0 / rank as f64;
            Some(*sum)
        });
        let shares: Vec<f64> = shares.collect();
        let all = shares[keys - 1];
        Self::pick(keys, |random| {
            shares.partition_point(|share| *share < random * all)
        })
    }

    fn pick(keys: usize, key: impl Fn(f64) -> usize) -> Self {
        let pick = |step| key(unit(scramble(step))).min(keys - 1) as u32;
        Self {
            keys,
            picks: (0..PICKS as u64).map(pick).collect(),
        }
    }

    /// Each key once.
    pub(crate) fn every(&self) -> impl Iterator<Item = u64> + use<> {
        0..self.keys as u64
    }

    /// The key of a step.
    #[inline]
    pub(crate) fn key(&self, step: usize) -> usize {
        self.picks[step % PICKS] as usize
    }
}

/// The names of keys in the order of their steps, so that each is in the cache when it
/// is used, as in a server that has just read a request.
#[derive(Clone)]
pub(crate) struct Names {
    text: Arc<str>,
}

impl Names {
    pub(crate) fn of(order: &Order) -> Self {
        let names = order.picks.iter().map(|key| name(u64::from(*key)));
        let text: String = names.collect();
        Self { text: text.into() }
    }

    /// The name of a step.
    #[inline]
    pub(crate) fn name(&self, step: usize) -> &str {
        let at = step % PICKS * NAME;
        &self.text[at..at + NAME]
    }
}

/// The length of a name, in bytes.
const NAME: usize = 21;

/// The name of a key.
pub(crate) fn name(key: u64) -> String {
    format!("user-{:016x}", scramble(key))
}

/// The finalizer of SplitMix64, a bijection.
pub(crate) fn scramble(number: u64) -> u64 {
    let mut bits = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

/// Returns a number from 0 to below 1.
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}
