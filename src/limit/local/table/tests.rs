//! How often a key that fits has to be put into the table anew.

use super::word_table::Table;
use crate::{
    clock::Tick,
    limit::{
        Quota, TokenBucket,
        local::store::{Forgotten, Store},
        rules::rule::Rule,
    },
};

const SECOND: Tick = 1_000_000;

/// A token a second, and room for two.
fn rule() -> TokenBucket {
    TokenBucket::new(Quota::per_second(1).burst(2))
}

/// The same hash for the same number, spread as a keyed hash would.
fn hash(number: u64) -> u64 {
    let mut bits = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

/// Takes a token, and answers whether the key was not there before.
fn take(table: &Table, key: u64, now: Tick) -> bool {
    let is_new = table.find(key).is_none();
    table.update(&rule(), key, now, |state| {
        assert!(rule().decide(state, now, 1).is_admitted());
    });
    is_new
}

/// How many of as many keys as there is room for are put there anew in each pass
/// over all of them, if each is dead when the next one comes.
fn put_anew(capacity: usize, step: Tick) -> Vec<usize> {
    let table = Table::new(capacity, 0, Forgotten::new("test".into(), None));
    let mut now = SECOND;
    let passes = (0..5).map(|_| {
        let keys = (0..capacity as u64).map(hash);
        let anew = keys.filter(|key| {
            now += step;
            take(&table, *key, now)
        });
        anew.count()
    });
    passes.collect()
}

#[test]
fn keys_that_fit_do_not_push_each_other_out_though_all_are_dead() {
    for capacity in [10, 1_000, 50_000] {
        let anew = put_anew(capacity, 10 * SECOND);
        println!("{capacity} keys: {anew:?}");
        assert_eq!(anew[0], capacity);
        assert!(anew[4] * 20 <= capacity, "{capacity} keys: {anew:?}");
    }
}
