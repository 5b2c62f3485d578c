//! What moves between windows only: an adaptive limit, and the cut-off.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use sluicegate::{
    concurrency::{
        Adaptive, Ask, ConcurrencyLayer, Counts, Direct, Entry, EntryOutcome, Load, Local, Permits,
        Priority, Queue, Rank, Shed, Usage, WorkEnd,
    },
    criticality::Criticality::{Critical, Sheddable, SheddablePlus},
    refusal::Answer,
};
use tokio::time::{advance, sleep};
use tower::{Layer, ServiceExt, service_fn};

use crate::support::admitted;

/// Ends this many requests that met an overload.
fn overload(permits: &Local<Direct>) {
    for _ in 0..50 {
        admitted(permits.acquire(Ask::new())).end(WorkEnd::Overloaded);
    }
}

#[tokio::test(start_paused = true)]
async fn a_window_with_many_overloads_lowers_the_limit_once() {
    let permits = Local::builder(100).build_adaptive(Adaptive::aimd().min(1));
    overload(&permits);
    assert_eq!(permits.load().limit, 100, "within the first window");
    advance(Duration::from_secs(1)).await;
    overload(&permits);
    assert_eq!(permits.load().limit, 90);
    advance(Duration::from_millis(249)).await;
    overload(&permits);
    assert_eq!(permits.load().limit, 90, "within the second window");
}

#[tokio::test(start_paused = true)]
async fn no_overload_lowers_a_limit_below_one() {
    let aimd = Local::builder(100).build_adaptive(Adaptive::aimd().min(1));
    let gradient = Local::builder(100).build_adaptive(Adaptive::gradient().min(1));
    for permits in [aimd, gradient] {
        for _ in 0..100 {
            advance(Duration::from_secs(1)).await;
            overload(&permits);
        }
        assert_eq!(permits.load().limit, 1);
    }
}

/// A limiter that notes the cut-offs that it is given.
#[derive(Clone, Debug)]
struct Noting {
    permits: Local<Direct>,
    cut_offs: Arc<Mutex<Vec<Rank>>>,
}

impl Permits<()> for Noting {
    fn name(&self) -> &str {
        self.permits.name()
    }

    fn acquire(&self, _key: &(), ask: Ask) -> Entry {
        self.permits.acquire(ask)
    }

    fn load(&self, _key: &()) -> Load {
        self.permits.load()
    }

    fn set_cut_off(&self, cut_off: Rank) {
        self.cut_offs.lock().unwrap().push(cut_off);
        self.permits.set_cut_off(cut_off);
    }

    fn usage(&self) -> Usage {
        self.permits.usage()
    }
}

/// 1,000 requests a second, of which 200 can be served: as many as are critical.
#[tokio::test(start_paused = true)]
async fn the_cut_off_moves_once_a_window_and_its_refusals_are_counted_apart() {
    let queue = Queue::new(10).max_wait(Duration::from_millis(100));
    let limiter = Noting {
        permits: Local::builder(2).queue(queue).build(),
        cut_offs: Arc::default(),
    };
    let (nth, counts) = (Arc::new(AtomicU64::new(0)), Arc::new(Counts::default()));
    let priority = Priority::by(move |_: &Request<()>| match nth.fetch_add(1, Relaxed) % 5 {
        0 => Critical,
        1 => SheddablePlus,
        _ => Sheddable,
    });
    let work = service_fn(|_: Request<()>| async {
        sleep(Duration::from_millis(8)).await;
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    let service = ConcurrencyLayer::new(limiter.clone())
        .priority(priority)
        .observe(counts.clone())
        .refuse_with(Answer::new().without_body())
        .layer(work);

    let mut ticks = tokio::time::interval(Duration::from_millis(1));
    for second in 0..20 {
        for _ in 0..1_000 {
            ticks.tick().await;
            tokio::spawn(service.clone().oneshot(Request::new(())));
        }
        let moves = limiter.cut_offs.lock().unwrap().len();
        assert!(moves <= second + 1, "{moves} in {second} s");
    }

    assert!(limiter.permits.usage().cut_off > Rank::from(Sheddable));
    let seen = counts.snapshot();
    let by_cut_off = seen.count(EntryOutcome::Shed(Shed::CutOff));
    let shed = |level| seen.shed_of(level);
    assert!(by_cut_off > 8_000, "{by_cut_off}");
    assert!(by_cut_off < shed(Sheddable) + shed(SheddablePlus));
    assert!(shed(Critical) < 40, "{}", shed(Critical));
}
