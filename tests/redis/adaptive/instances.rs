//! Limiters that share a fleet.

use std::{env, time::Duration};

use sluicegate::{
    concurrency::{Adaptive, AdaptiveFleet, Algorithm, Ask, Entry, Local, Sample, WorkEnd},
    redis::Connection,
};
use tokio::task::yield_now;

use crate::{
    connection::{builder, until},
    process::Process,
    server::{Server, free_port},
};

/// Tells a process that it is an instance: the server's address.
const MEMBER: &str = "SLUICEGATE_ADAPTIVE_MEMBER";

/// Always finds this limit.
#[derive(Debug)]
struct To(f64);

impl Algorithm for To {
    fn next(&mut self, _limit: f64, _sample: &Sample) -> f64 {
        self.0
    }
}

/// An instance of the fleet, and the handle of its own.
struct Instance {
    permits: Local,
    fleet: AdaptiveFleet,
}

impl Instance {
    /// An instance that begins with 20 and learns this limit.
    fn new(fleet: &AdaptiveFleet, limit: u32) -> Self {
        let adaptive = Adaptive::by(To(limit.into())).min(1).max(1_000);
        let adaptive = adaptive.window(Duration::from_millis(1)).fleet(fleet);
        Self {
            permits: Local::builder(20).build_adaptive(adaptive),
            fleet: fleet.clone(),
        }
    }

    fn limit(&self) -> u32 {
        self.permits.load().limit
    }

    /// Serves a request, all of the limit in use.
    async fn work(&self) {
        let mut entries: Vec<_> = (0..self.limit())
            .map(|_| self.permits.acquire(Ask::new()))
            .collect();
        yield_now().await;
        if let Some(Entry::Admitted(permit)) = entries.pop() {
            permit.end(WorkEnd::Whole);
        }
    }
}

fn connect(server: &Server) -> Connection {
    builder(server.url()).lazy().unwrap()
}

/// The handle of a new instance.
fn fleet(connection: &Connection) -> AdaptiveFleet {
    AdaptiveFleet::new(connection, "api").every(Duration::from_millis(100))
}

async fn work(instances: &[Instance]) {
    for instance in instances {
        instance.work().await;
    }
}

/// Lets all work until their limits are these.
async fn until_limits(instances: &[Instance], limits: &[u32]) {
    until("the limits", async || {
        work(instances).await;
        instances
            .iter()
            .map(Instance::limit)
            .eq(limits.iter().copied())
    })
    .await;
}

#[tokio::test]
async fn an_instance_that_joins_ten_begins_with_their_median() {
    let server = Server::start();
    let connection = connect(&server);
    let ten: Vec<_> = (0..10)
        .map(|nth| Instance::new(&fleet(&connection), 51 + nth * 10))
        .collect();
    until("all ten are known", async || {
        work(&ten).await;
        let view = ten[0].fleet.view();
        view.is_some_and(|it| (it.instances, it.median_limit, it.limit) == (10, Some(96), 960))
    })
    .await;
    let new = Instance::new(&fleet(&connection), 7);
    // The limit moves before it is counted.
    until("it has begun", async || new.fleet.counts().warm_started > 0).await;
    assert_eq!((new.limit(), new.fleet.counts().warm_started), (96, 1));
    // From there it goes its own way.
    until_limits(&[new], &[7]).await;
}

#[tokio::test]
async fn limits_together_stay_within_the_maximum() {
    let server = Server::start();
    let connection = connect(&server);
    let bounded = || fleet(&connection).max(100);
    let mut instances = vec![
        Instance::new(&bounded(), 1_000),
        Instance::new(&bounded(), 1_000),
        Instance::new(&bounded(), 1_000),
        Instance::new(&bounded(), 16),
    ];
    until_limits(&instances, &[26, 26, 26, 16]).await;
    instances.push(Instance::new(&bounded(), 1_000));
    until_limits(&instances, &[20, 20, 20, 16, 20]).await;
    instances.truncate(2);
    until_limits(&instances, &[50, 50]).await;
    let view = instances[0].fleet.view().unwrap();
    assert_eq!((view.instances, view.bound), (2, Some(50)));
}

#[tokio::test]
async fn a_limit_goes_on_without_redis_below_its_last_bound() {
    let mut server = Server::start();
    let connection = connect(&server);
    let fleets = [0, 1].map(|_| fleet(&connection).max(100));
    let instances = fleets.clone().map(|fleet| Instance::new(&fleet, 1_000));
    until_limits(&instances, &[50, 50]).await;
    server.kill();
    let failed = |fleet: &AdaptiveFleet| fleet.counts().failed > 2;
    until("calls fail", async || {
        work(&instances).await;
        assert_eq!(instances.each_ref().map(Instance::limit), [50, 50]);
        fleets.iter().all(failed)
    })
    .await;
    let answered = fleets.each_ref().map(|fleet| fleet.counts().answered);
    server.restart();
    until("calls are answered", async || {
        work(&instances).await;
        let limits = instances.each_ref().map(Instance::limit);
        assert!(limits.iter().sum::<u32>() <= 100, "{limits:?}");
        let mut both = fleets.iter().zip(answered);
        both.all(|(fleet, before)| fleet.counts().answered > before + 3)
    })
    .await;
    let view = fleets[0].view().unwrap();
    assert_eq!((view.instances, view.limit), (2, 100));
}

#[tokio::test]
async fn without_any_answer_a_limit_moves_by_itself_or_keeps_to_the_first_one() {
    let port = free_port();
    let nowhere = builder(format!("redis://127.0.0.1:{port}/"))
        .lazy()
        .unwrap();
    let free = Instance::new(&fleet(&nowhere), 300);
    let bounded = Instance::new(&fleet(&nowhere).max(1_000), 300);
    let instances = [free, bounded];
    until("calls fail", async || {
        work(&instances).await;
        instances.iter().all(|it| it.fleet.counts().failed > 2)
    })
    .await;
    until_limits(&instances, &[300, 20]).await;
    assert_eq!(instances[0].fleet.view(), None);
}

/// Returns at once, unless it was started as a process of the fleet.
#[tokio::test]
async fn member() {
    let Ok(url) = env::var(MEMBER) else {
        return;
    };
    let connection = builder(url.as_str()).lazy().unwrap();
    let member = Instance::new(&fleet(&connection).max(100), 1_000);
    loop {
        member.work().await;
    }
}

#[tokio::test]
async fn what_a_crashed_process_had_goes_to_others() {
    let server = Server::start();
    let member = Process::start("adaptive::instances::member", MEMBER, &server.url());
    let rest = [Instance::new(&fleet(&connect(&server)).max(100), 1_000)];
    let instances = || rest[0].fleet.view().map_or(0, |view| view.instances);
    until("both are there", async || {
        work(&rest).await;
        instances() == 2 && rest[0].limit() == 50
    })
    .await;
    drop(member);
    until_limits(&rest, &[100]).await;
    assert_eq!(instances(), 1);
}
