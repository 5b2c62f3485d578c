//! What an observer hears of the stages.

use std::{
    sync::{Arc, Mutex, OnceLock},
    thread,
};

use sluicegate::drain::{Drain, Event, Observe, Stage};

/// Notes each stage once it is done with it. On the first it aborts the drain, from
/// another thread.
#[derive(Debug, Default)]
struct AbortsAtOnce {
    drain: OnceLock<Drain>,
    heard: Mutex<Vec<Stage>>,
}

impl Observe for AbortsAtOnce {
    fn noticed(&self, event: &Event) {
        let Event::Entered(stage) = *event else {
            return;
        };
        if stage == Stage::LameDuck {
            let drain = self.drain.get().unwrap().clone();
            thread::spawn(move || drain.abort()).join().unwrap();
        }
        self.heard.lock().unwrap().push(stage);
    }
}

#[tokio::test(start_paused = true)]
async fn stages_are_announced_in_their_order_whichever_thread_changes_them() {
    let observer = Arc::new(AbortsAtOnce::default());
    let drain = Drain::builder().observe(observer.clone()).build();
    observer.drain.set(drain.clone()).unwrap();
    drain.begin();
    drain.wait().await;
    assert_eq!(
        *observer.heard.lock().unwrap(),
        [Stage::LameDuck, Stage::Aborting, Stage::Ended]
    );
}

/// Panics on the first stage, and counts the others.
#[derive(Debug, Default)]
struct PanicsOnce(Mutex<Vec<Stage>>);

impl Observe for PanicsOnce {
    fn noticed(&self, event: &Event) {
        let Event::Entered(stage) = *event else {
            return;
        };
        assert_ne!(stage, Stage::LameDuck, "the observer panics");
        self.0.lock().unwrap().push(stage);
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_an_observer_does_not_silence_the_stages_after_it() {
    let observer = Arc::new(PanicsOnce::default());
    let drain = Drain::builder().observe(observer.clone()).build();
    let beginning = drain.clone();
    thread::spawn(move || beginning.begin()).join().unwrap_err();
    drain.abort();
    drain.wait().await;
    assert_eq!(*observer.0.lock().unwrap(), [Stage::Aborting, Stage::Ended]);
}
