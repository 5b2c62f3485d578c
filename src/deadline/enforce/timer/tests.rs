use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    runtime::{Builder, Handle, Runtime},
    time::Instant,
};

use super::{queue::MAX_SPARE_ENTRIES, *};

#[derive(Default)]
struct Value(AtomicUsize);

impl Value {
    fn expiries(&self) -> usize {
        self.0.load(SeqCst)
    }
}

impl Expire for Value {
    fn expire(&self) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[tokio::test(start_paused = true)]
async fn each_value_expires_at_its_own_time() {
    let (timers, start) = (Arc::new(TimerQueue::default()), Instant::now());
    let all: Vec<_> = [3, 1, 2].map(|n| (n, Arc::new(Value::default()))).into();
    for (n, value) in &all {
        timers.add(start + seconds(*n), value.clone());
        tokio::task::yield_now().await;
    }
    for now in 1..=3 {
        tokio::time::sleep_until(start + seconds(now)).await;
        tokio::task::yield_now().await;
        for (n, value) in &all {
            assert_eq!(value.expiries(), usize::from(*n <= now), "{n} at {now}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_removed_value_does_not_expire_and_takes_no_room() {
    let timers = Arc::new(TimerQueue::default());
    let value = Arc::new(Value::default());
    for _ in 0..1_000 {
        let key = timers.add(Instant::now() + seconds(1), value.clone());
        timers.remove(key);
        timers.remove(key);
    }
    let (slots, heap) = timers.sizes();
    assert!(
        slots == 1 && heap <= MAX_SPARE_ENTRIES + 2,
        "{slots} slots, {heap} kept"
    );
    tokio::time::sleep(seconds(2)).await;
    assert_eq!((value.expiries(), Arc::strong_count(&value)), (0, 1));
}

fn runtime() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap()
}

#[test]
fn a_queue_outlives_its_runtime() {
    let timers = Arc::new(TimerQueue::default());
    for _ in 0..2 {
        let value = Arc::new(Value::default());
        runtime().block_on(async {
            timers.add(Instant::now() + seconds(1), value.clone());
            tokio::time::sleep(seconds(2)).await;
        });
        assert_eq!(value.expiries(), 1);
    }
}

#[test]
fn another_runtime_takes_over_what_one_leaves_behind() {
    let (timers, left) = (Arc::new(TimerQueue::default()), Arc::new(Value::default()));
    let start = Instant::now();
    for n in 1..=3 {
        runtime().block_on(async { timers.add(start + seconds(n), left.clone()) });
    }
    runtime().block_on(async {
        timers.add(start + seconds(9), Arc::new(Value::default()));
        tokio::time::sleep(seconds(4)).await;
        assert_eq!(left.expiries(), 3);
        assert_eq!(Handle::current().metrics().num_alive_tasks(), 1);
    });
}

#[test]
fn a_value_that_follows_expires_on_the_new_runtime() {
    let (timers, value) = (Arc::new(TimerQueue::default()), Arc::new(Value::default()));
    let (idle, polling) = (runtime(), runtime());
    let mut key = idle.block_on(async {
        let at = Instant::now() + seconds(1);
        timers.add(at, value.clone())
    });
    polling.block_on(async {
        timers.follow(&mut key);
        timers.follow(&mut key);
        tokio::time::sleep(seconds(2)).await;
    });
    assert_eq!(value.expiries(), 1);
    timers.remove(key);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[tokio::test(start_paused = true)]
async fn no_task_outlives_the_queue() {
    let timers = Arc::new(TimerQueue::default());
    timers.add(Instant::now() + seconds(1), Arc::new(Value::default()));
    let metrics = Handle::current().metrics();
    tokio::task::yield_now().await;
    assert_eq!(metrics.num_alive_tasks(), 1);
    drop(timers);
    tokio::task::yield_now().await;
    assert_eq!(metrics.num_alive_tasks(), 0);
}
