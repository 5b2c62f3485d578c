//! Background work continues when the runtime that began it ends.

use std::time::Duration;

use futures_util::{FutureExt, future::join_all};
use sluicegate::{
    deadline::Registry,
    idempotency::{
        self, Claim, ClaimRequest, Fingerprint, LeaseStatus, Scope, Store, Takeover, Token,
    },
    limit::{self, FailClosed, FixedWindow, Quota},
    redis::Connection,
};
use tokio::{join, task::yield_now};

use crate::{
    connection::{builder, until},
    runtimes::{First, Time},
    server::Server,
};

type Limiter = limit::Redis<FixedWindow, FailClosed>;

const HOUR: Duration = Duration::from_secs(3_600);

async fn connect(server: &Server) -> Connection {
    builder(server.url()).connect().await.expect("it is up")
}

#[test]
fn a_cancellation_is_heard() {
    for first in First::ALL {
        let server = Server::start();
        let begin = async || {
            let registry = Registry::redis("orders", &connect(&server).await);
            let id = registry.register(HOUR).await.unwrap();
            let claim = registry.claim(&id).await.unwrap();
            (registry, claim)
        };
        first.then(Time::Real, begin, async |(registry, theirs)| {
            let ours = registry.register(HOUR).await.unwrap();
            let ours = registry.claim(&ours).await.unwrap();
            let other = Registry::redis("orders", &connect(&server).await);
            for claim in [theirs, ours] {
                other.cancel(claim.id(), "the buyer left").await.unwrap();
                assert_eq!(&*claim.cancelled().await, "the buyer left", "{first:?}");
            }
        });
    }
}

fn work() -> ClaimRequest {
    ClaimRequest {
        fingerprint: Fingerprint::of("work"),
        token: Token::random(),
        lease: HOUR,
        keep: HOUR,
        takeover: Takeover::Rerun,
    }
}

#[test]
fn the_end_of_work_is_told_by_a_message() {
    let name = Scope::new("tests").name("k");
    for first in First::ALL {
        let server = Server::start();
        let begin = async || {
            let store = idempotency::Redis::new("orders", &connect(&server).await);
            // The caller begins to listen, and gives up.
            assert!(store.settled(name).now_or_never().is_none());
            store
        };
        first.then(Time::Real, begin, async |store| {
            let holder = idempotency::Redis::new("orders", &connect(&server).await);
            until("who waits is told", || async {
                let work = work();
                let claimed = holder.claim(name, work).await;
                assert_eq!(claimed, Ok(Claim::Run { attempt: 1 }));
                let ends = async {
                    let polled = store.counts().polled;
                    while store.counts().polled == polled && store.counts().notified == 0 {
                        yield_now().await;
                    }
                    holder.release(name, work.token).await
                };
                let (_, released) = join!(store.settled(name), ends);
                assert_eq!(released, Ok(LeaseStatus::Held));
                store.counts().notified > 0
            })
            .await;
        });
    }
}

#[test]
fn a_share_that_lies_idle_comes_back() {
    let rule = FixedWindow::new(Quota::per_day(1_000));
    let limiter = async |server: &Server| {
        let leased = limit::Redis::builder("api", rule, &connect(server).await);
        leased.lease(1_000).build(FailClosed)
    };
    let ask = async |limiter: &Limiter| {
        let answers = join_all((0..40).map(|_| limiter.check("k", 1))).await;
        let passed = answers.iter().flatten().filter(|it| it.is_admitted());
        passed.count()
    };
    for first in First::ALL {
        let server = Server::start();
        let begin = async || {
            let (leased, mut admitted) = (limiter(&server).await, 0);
            while leased.counts().leased == 0 {
                admitted += ask(&leased).await;
            }
            (leased, admitted)
        };
        first.then(Time::Real, begin, async |(_leased, mut admitted)| {
            let other = limiter(&server).await;
            while admitted < 1_000 {
                admitted += ask(&other).await;
            }
            assert_eq!(admitted, 1_000, "{first:?}");
        });
    }
}
