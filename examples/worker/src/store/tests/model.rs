//! Random histories, played to the rule and to the database.

use std::{collections::HashMap, time::Duration};

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use sqlx::Row;

use super::database;
use crate::{
    event::{Progress, Reason, State, Step, any_step},
    store::{Booking, Event, PutBack, Store, row},
};

/// Reads the progress of an event from its row.
async fn progress(store: &Store, event: i64) -> Progress {
    let find = "SELECT state, reason, attempts, takes, round, due FROM outbox WHERE id = $1";
    let found = sqlx::query(find).bind(event).fetch_one(&store.write).await;
    row::progress(&found.unwrap()).unwrap()
}

/// Makes the row of an event due or not, as a clock would.
async fn set_due(store: &Store, event: i64, due: i64) {
    let set = sqlx::query("UPDATE outbox SET due = $2 WHERE id = $1");
    set.bind(event)
        .bind(due)
        .execute(&store.write)
        .await
        .unwrap();
}

/// Does the step in the database. `taken` are the events as their holders took them.
async fn play(store: &Store, id: i64, taken: &mut HashMap<u32, Event>, step: Step) {
    match step {
        Step::Take { .. } => {
            let events = store.take(1_000, Duration::from_secs(60)).await.unwrap();
            let event = events.into_iter().find(|event| event.id == id);
            taken.extend(event.map(|event| (event.progress.takes, event)));
        }
        Step::Complete { hold } => {
            if let Some(event) = taken.get(&hold).cloned() {
                let receipt = "paid".to_owned();
                store.settle(&[Booking { event, receipt }]).await.unwrap();
            }
        }
        Step::Retry { hold, .. } | Step::GiveBack { hold, .. } | Step::Bury { hold, .. } => {
            if let Some(event) = taken.get(&hold) {
                store.leave(event, step, Some("why")).await.unwrap();
            }
        }
        Step::Cancel => unreachable!("it is filtered out"),
        Step::PutBack { .. } => drop(store.put_back(id).await.unwrap()),
    }
}

/// Compares everything but the instants, which the database takes from the clock.
fn assert_same(row: Progress, rule: Progress, step: Step) {
    let due = 0;
    assert_eq!(
        Progress { due, ..row },
        Progress { due, ..rule },
        "{step:?}"
    );
}

/// Plays one history to a new event. Returns how many steps were allowed.
async fn compare(store: &Store, steps: &[Step]) -> usize {
    let id = database::accept(store).await;
    let (mut rule, mut taken) = (Progress::accepted(0), HashMap::new());
    let mut allowed = 0;
    for step in steps {
        // The rule decides by instants from 0 to 50, the row by being due or not.
        let is_due = matches!(*step, Step::Take { now, .. } if rule.due <= now);
        set_due(store, id, if is_due { 0 } else { i64::MAX }).await;
        play(store, id, &mut taken, *step).await;
        if let Ok(next) = rule.step(*step) {
            (rule, allowed) = (next, allowed + 1);
        }
        assert_same(progress(store, id).await, rule, *step);
    }
    let booked = "SELECT COUNT(*) AS entries FROM entries WHERE event_id = $1";
    let booked = sqlx::query(booked).bind(id).fetch_one(&store.write).await;
    let booked: i64 = booked.unwrap().try_get("entries").unwrap();
    assert_eq!(booked, i64::from(rule.state == State::Completed));
    // So that it is not taken in the next history.
    set_due(store, id, i64::MAX).await;
    allowed
}

/// Returns a step. An order that was cancelled is not put back, which is a rule of
/// orders and not of events, so cancellations have tests of their own.
fn step() -> impl Strategy<Value = Step> {
    any_step().prop_filter("see above", |step| *step != Step::Cancel)
}

#[tokio::test]
async fn the_database_follows_the_rule() {
    let store = database::open().await;
    let mut runner = TestRunner::new(Config::default());
    let histories = prop::collection::vec(step(), 0..40);
    let mut allowed = 0;
    for _ in 0..100 {
        let steps = histories.new_tree(&mut runner).unwrap().current();
        allowed += compare(&store, &steps).await;
    }
    assert!(allowed > 200, "too few steps were allowed: {allowed}");
}

#[tokio::test]
async fn a_dead_letter_is_put_back_unless_it_was_cancelled() {
    let store = database::open().await;
    for reason in Reason::ALL {
        let id = database::accept(&store).await;
        let taken = store.take(1_000, Duration::from_secs(60)).await.unwrap();
        let event = taken.iter().find(|event| event.id == id).unwrap();
        let hold = event.progress.takes;
        let bury = Step::Bury { hold, reason };
        let state = store.leave(event, bury, Some("why")).await.unwrap();
        assert_eq!(state, Some(State::Failed(reason)));
        let expected = match reason.can_be_put_back() {
            true => PutBack::Done,
            false => PutBack::Refused,
        };
        assert_eq!(store.put_back(id).await.unwrap(), expected, "{reason:?}");
    }
}
