//! Where keys find their place, and how seldom one that fits is put into the
//! table anew.

use super::word_table::Table;
use crate::{
    clock::Tick,
    limit::{
        Quota, TokenBucket,
        local::store::{Epoch, Forgotten, Store},
        rules::{rule::Rule, word::Word},
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

fn table(capacity: usize) -> Table {
    let epoch = Epoch::new(0, Rule::lifetime(&rule()));
    Table::new(capacity, epoch, Forgotten::new("test".into(), None))
}

/// Takes a token, and returns whether the key was not there before.
fn take(table: &Table, key: u64, now: Tick) -> bool {
    let is_new = table.find(key).is_none();
    table.update(
        &rule(),
        key,
        || now,
        |state: &mut Word, now: Tick| {
            rule().decide(state, now, 1);
        },
    );
    is_new
}

/// Counts for each pass over as many keys as there is room for how many are
/// put there anew, if each is dead when the next one comes.
fn put_anew(capacity: usize, step: Tick) -> Vec<usize> {
    let table = table(capacity);
    let mut now = SECOND;
    let passes = (0..3).map(|_| {
        let keys = (0..capacity as u64).map(hash);
        let anew = keys.filter(|key| {
            now += step;
            take(&table, *key, now)
        });
        anew.count()
    });
    passes.collect()
}

/// In a small table a few keys that began beyond their homes come home in the
/// second pass, so it is counted over all small tables together.
#[test]
fn keys_that_fit_are_put_into_the_table_once_though_all_are_dead() {
    let small: Vec<_> = (1..200)
        .map(|capacity| put_anew(capacity, 10 * SECOND))
        .collect();
    let total = |pass: usize| small.iter().map(|anew| anew[pass]).sum::<usize>();
    assert_eq!(total(0), (1..200).sum::<usize>());
    assert!(total(1) * 100 <= total(0), "{} anew", total(1));
    assert!(total(2) * 1_000 <= total(0), "{} anew", total(2));
    for capacity in [1_000, 50_000] {
        let anew = put_anew(capacity, 10 * SECOND);
        assert_eq!(anew[0], capacity);
        assert!(anew[1] * 100 <= capacity, "{capacity} keys: {anew:?}");
        assert!(anew[2] * 100 <= capacity, "{capacity} keys: {anew:?}");
    }
}

#[test]
fn no_live_key_is_lost_below_the_capacity_in_order_of_age() {
    for capacity in 1..=200 {
        let table = table(capacity);
        let live = |round: u64| (0..capacity as u64).map(move |key| hash(round << 32 | key));
        for round in 0..20 {
            // All keys of the round before are whole again.
            let now = SECOND + round * 10 * SECOND;
            for (age, key) in live(round).enumerate() {
                assert!(take(&table, key, now + age as Tick));
            }
            assert!(live(round).all(|key| table.find(key).is_some()));
        }
        assert_eq!(table.forgotten(), 0, "{capacity} keys");
    }
}

/// The share of keys in their first home, and of those in neither home.
fn shares(table: &Table, keys: &[u64]) -> (f64, f64) {
    let count = |is: &dyn Fn(u64) -> bool| {
        keys.iter().filter(|key| is(**key)).count() as f64 / keys.len() as f64
    };
    let first = |key| table.first_home(key).find(key).is_some();
    let second = |key| table.second_home(key).find(key).is_some();
    (count(&first), count(&|key| !first(key) && !second(key)))
}

/// A table whose keys were replaced three times over, and its keys.
fn churned(capacity: usize) -> (Table, Vec<u64>) {
    let table = table(capacity);
    let mut keys: Vec<u64> = (0..capacity as u64).map(hash).collect();
    keys.iter().for_each(|key| {
        take(&table, *key, SECOND);
    });
    // Each step makes one key whole and puts a new one into its place.
    for step in 0..3 * capacity as u64 {
        let at = (hash(step ^ 0xABCD) % capacity as u64) as usize;
        table.update(
            &rule(),
            keys[at],
            || SECOND,
            |state: &mut Word, _: Tick| *state = Word::EMPTY,
        );
        keys[at] = hash(capacity as u64 + step);
        take(&table, keys[at], SECOND);
    }
    assert_eq!(table.forgotten(), 0);
    (table, keys)
}

#[test]
fn most_keys_lie_in_their_first_home_after_churn() {
    let (table, keys) = churned(50_000);
    let (first, beyond) = shares(&table, &keys);
    assert!(first >= 0.80, "{first} in their first home");
    assert!(beyond <= 0.05, "{beyond} beyond both homes");
}

#[test]
fn keys_that_are_asked_for_often_lie_near() {
    let (table, keys) = churned(5_000);
    let near = || keys.iter().filter(|key| table.is_near(**key)).count() as f64;
    let deep = TokenBucket::new(Quota::per_second(1).burst(1_000));
    let before = near() / keys.len() as f64;
    for _ in 0..100 {
        for key in &keys {
            let decide = |state: &mut Word, now: Tick| deep.decide(state, now, 1).is_admitted();
            assert!(table.update(&deep, *key, || SECOND, decide));
        }
    }
    let after = near() / keys.len() as f64;
    assert!(
        before < 0.80 && after >= 0.80,
        "{before} before, {after} after"
    );
    assert_eq!(table.forgotten(), 0);
}
