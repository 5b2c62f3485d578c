//! Every interleaving of two threads that meet in one home of the table.

use ::loom::{model::Builder, sync::Arc, thread};

use super::{home::SLOTS, word_table::Table};
use crate::{
    clock::Tick,
    limit::{
        Quota, TokenBucket,
        local::store::{Epoch, Forgotten, Store},
        rules::{rule::Rule, word::Word},
    },
};

impl Table {
    /// How many slots hold a bucket that is alive.
    fn alive<R: Rule<State = Word>>(&self, rule: &R, now: Tick) -> usize {
        self.slots()
            .filter_map(|slot| slot.vacancy(rule, now))
            .filter(|vacancy| vacancy.life > 0)
            .count()
    }
}

const SECOND: Tick = 1_000_000;

/// A key for which a full home has no slot.
const NEWCOMER: u64 = SLOTS as u64 + 1;

/// Two tokens, one a second.
fn rule() -> TokenBucket {
    TokenBucket::new(Quota::per_second(1).burst(2))
}

/// One pair of lines, which is both homes of every key, and no overflow.
fn table(now: Tick) -> Arc<Table> {
    let epoch = Epoch::new(now, Rule::lifetime(&rule()));
    let forgotten = Forgotten::new("loom".into(), None);
    Arc::new(Table::with_homes(1, 0, epoch, forgotten))
}

fn take(table: &Table, key: u64, now: Tick, cost: u64) -> bool {
    table.update(
        &rule(),
        key,
        || now,
        |state: &mut Word, now: Tick| rule().decide(state, now, cost).is_admitted(),
    )
}

fn remaining(table: &Table, key: u64, now: Tick) -> u64 {
    table.update(
        &rule(),
        key,
        || now,
        |state: &mut Word, now: Tick| rule().decide(state, now, 0).remaining(),
    )
}

/// Runs every interleaving. A full home takes more steps to fill than loom
/// allows by default.
fn model(run: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.max_branches = 20_000;
    builder.check(run);
}

#[test]
fn two_newcomers_with_one_key_share_a_slot() {
    model(|| {
        let table = table(0);
        let other = thread::spawn({
            let table = table.clone();
            move || take(&table, 7, SECOND, 2)
        });
        let mine = take(&table, 7, SECOND, 2);
        let theirs = other.join().unwrap();
        assert!(mine ^ theirs, "one of them gets both tokens");
        assert_eq!(table.alive(&rule(), SECOND), 1);
    });
}

#[test]
fn two_charges_of_a_known_key_are_both_kept() {
    model(|| {
        let table = table(0);
        take(&table, 7, 0, 2);
        let later = 2 * SECOND;
        let other = thread::spawn({
            let table = table.clone();
            move || take(&table, 7, later, 1)
        });
        assert!(take(&table, 7, later, 1));
        assert!(other.join().unwrap());
        assert_eq!(remaining(&table, 7, later), 0);
    });
}

/// A slot whose bucket is whole again is taken over while its key comes back:
/// neither charge lands in the other's bucket, nor is any lost but by being
/// forgotten, which is counted.
#[test]
fn a_key_comes_back_while_its_slot_is_taken_over() {
    model(|| {
        let table = table(0);
        take(&table, 1, 0, 1);
        for key in 2..=SLOTS as u64 {
            take(&table, key, 0, 2);
        }
        // The first is whole again, the others are not.
        let later = SECOND;
        let newcomer = thread::spawn({
            let table = table.clone();
            move || take(&table, NEWCOMER, later, 1)
        });
        assert!(take(&table, 1, later, 1));
        assert!(newcomer.join().unwrap());
        let kept = [1, NEWCOMER].map(|key| remaining(&table, key, later));
        let lost = table.forgotten();
        assert!(
            kept.iter().all(|left| *left >= 1),
            "charged twice: {kept:?}"
        );
        assert!(lost <= 1 && table.alive(&rule(), later) == SLOTS);
        assert!(
            kept.iter().filter(|left| **left == 2).count() as u64 <= lost,
            "lost uncounted"
        );
    });
}

#[test]
fn dropping_the_dead_loses_nothing_alive() {
    model(|| {
        let table = table(0);
        take(&table, 7, 0, 1);
        let later = Rule::lifetime(&rule()) + SECOND;
        let other = thread::spawn({
            let table = table.clone();
            move || take(&table, 7, later, 1)
        });
        assert!(take(&table, 7, later, 1));
        assert!(other.join().unwrap());
        assert_eq!(remaining(&table, 7, later), 0);
    });
}

/// A thread that sees the newcomer's key does not see the state of the bucket
/// that it replaced.
#[test]
fn a_newcomer_does_not_inherit_what_the_forgotten_had_spent() {
    model(|| {
        let table = table(0);
        for key in 1..=SLOTS as u64 {
            take(&table, key, 0, 2);
        }
        let newcomer = thread::spawn({
            let table = table.clone();
            move || take(&table, NEWCOMER, 1, 1)
        });
        assert!(take(&table, NEWCOMER, 1, 1));
        assert!(newcomer.join().unwrap());
    });
}

/// The newcomer takes over the slot of a key that is charged at the same time,
/// and begins with the very state that the key had. The charge must not land in
/// the newcomer's bucket.
#[test]
fn a_charge_misses_a_newcomer_that_begins_with_the_same_state() {
    model(|| {
        let table = table(0);
        take(&table, 1, 0, 1);
        for key in 2..=SLOTS as u64 {
            take(&table, key, 0, 2);
        }
        // The first key is the nearest to whole, and has spent one token.
        let newcomer = thread::spawn({
            let table = table.clone();
            move || take(&table, NEWCOMER, 0, 1)
        });
        take(&table, 1, 0, 1);
        assert!(newcomer.join().unwrap());
        let left = remaining(&table, NEWCOMER, 0);
        assert!(left >= 1, "{left} left of two after one was taken");
    });
}

/// Fills the line that is near to all keys of these models, of which the first
/// is whole again at `SECOND`, and puts one more key into the other line.
fn with_a_key_that_can_move() -> (Arc<Table>, u64) {
    let table = table(0);
    let key = SLOTS as u64 / 2 + 1;
    take(&table, 1, 0, 1);
    for key in 2..=key {
        take(&table, key, 0, 2);
    }
    (table, key)
}

/// Moves the key to its near line while `meanwhile` runs.
fn move_during(table: &Arc<Table>, key: u64, meanwhile: impl FnOnce(&Table)) {
    let mover = thread::spawn({
        let table = table.clone();
        move || {
            table.bring_near(&rule(), key, SECOND);
        }
    });
    meanwhile(table);
    mover.join().unwrap();
}

#[test]
fn a_charge_is_kept_while_its_key_moves() {
    model(|| {
        let (table, key) = with_a_key_that_can_move();
        move_during(&table, key, |table| assert!(take(table, key, SECOND, 1)));
        assert_eq!(remaining(&table, key, SECOND), 0);
        assert!(table.is_near(key));
        assert_eq!(table.alive(&rule(), SECOND), SLOTS / 2);
        assert_eq!(table.forgotten(), 0);
    });
}

/// Both want the only free slot of the near line.
#[test]
fn a_key_moves_while_a_newcomer_takes_a_slot() {
    model(|| {
        let (table, key) = with_a_key_that_can_move();
        move_during(&table, key, |table| {
            assert!(take(table, NEWCOMER, SECOND, 1));
        });
        assert_eq!(remaining(&table, key, SECOND), 1);
        assert_eq!(remaining(&table, NEWCOMER, SECOND), 1);
        assert_eq!(table.forgotten(), 0);
    });
}

/// The key whose slot the other moves to comes back at the same time.
#[test]
fn a_key_comes_back_while_another_moves_to_its_slot() {
    model(|| {
        let (table, key) = with_a_key_that_can_move();
        move_during(&table, key, |table| assert!(take(table, 1, SECOND, 1)));
        assert_eq!(remaining(&table, key, SECOND), 1);
        assert_eq!(remaining(&table, 1, SECOND), 1);
        assert_eq!(table.forgotten(), 0);
    });
}
