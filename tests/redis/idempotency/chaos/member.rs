//! A member of the fleet: this test program, run once more.

use std::{env, fs::OpenOptions, future::pending, io::Write, sync::Arc, time::Duration};

use futures_util::future::join_all;
use sluicegate::{
    idempotency::{
        Claimant, Fingerprint, Lease, OnError, Redis, RunError, Runner, Scope, StoreError,
        Takeover, Waiting,
    },
    redis::Connection,
};
use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};

use super::{KEYS, MEMBER, is_stuck};

/// The concurrent work of a member.
const CLIENTS: usize = 4;

/// How long work takes, so that members are killed while it runs.
const WORK: Duration = Duration::from_millis(10);

/// How long a client waits before it retries.
const PATIENCE: Duration = Duration::from_millis(40);

/// Returns at once, unless the fleet started this process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn member() {
    let Ok(orders) = env::var(MEMBER) else {
        return;
    };
    let orders: Vec<_> = orders.split(' ').collect();
    let [url, file, place] = orders[..] else {
        panic!("{orders:?}")
    };
    let member = Arc::new(Member {
        runner: runner(url),
        file: file.to_owned(),
    });
    println!();
    let first = place.parse::<usize>().unwrap() * KEYS / 4;
    let seats = Arc::new(Semaphore::new(CLIENTS));
    let clients = (first..first + KEYS).map(|key| {
        let (member, seats) = (Arc::clone(&member), Arc::clone(&seats));
        tokio::spawn(async move {
            let _seat = seats.acquire().await;
            member.ask(key % KEYS).await;
        })
    });
    let ends = join_all(clients.collect::<Vec<_>>()).await;
    ends.into_iter().for_each(|end| end.unwrap());
    println!("chaos over");
}

fn runner(url: &str) -> Runner<Redis> {
    let connection = Connection::builder(url)
        .timeout(Duration::from_millis(500))
        .breaker(3, Duration::from_millis(20))
        .lazy()
        .unwrap();
    let claimant = Claimant::new(Redis::new("chaos", &connection))
        .lease(Duration::from_secs(1))
        .takeover(Takeover::Refuse);
    Runner::over(claimant)
        .on_error(OnError::Lapse)
        .wait(Waiting::up_to(Duration::from_secs(10)))
}

struct Member {
    runner: Runner<Redis>,
    file: String,
}

impl Member {
    /// A client that retries until it gets a final result.
    async fn ask(self: &Arc<Self>, key: usize) {
        let answer = loop {
            let ended = timeout(PATIENCE, self.run(key)).await;
            match ended {
                Ok(Ok(value)) => break value,
                Ok(Err(RunError::Unknown)) => break "unknown".to_owned(),
                Ok(Err(RunError::Running { .. } | RunError::Lost)) => {}
                Ok(Err(RunError::Store(StoreError::Unavailable(_)))) => sleep(PATIENCE).await,
                Ok(Err(error)) => panic!("{key}: {error:?}"),
                Err(_late) => {}
            }
        };
        println!("chaos answer {key} {answer}");
    }

    async fn run(self: &Arc<Self>, key: usize) -> Result<String, RunError<String>> {
        let name = Scope::new("chaos").name(key.to_string());
        let (member, work) = (Arc::clone(self), Fingerprint::of(key.to_string()));
        let work_to_do = move |lease| async move { Ok(member.work(key, lease).await) };
        let ended = self.runner.run_leased(name, work, work_to_do).await?;
        Ok(ended.into_inner())
    }

    async fn work(&self, key: usize, lease: Lease) -> String {
        self.write(&format!("begun {key}"));
        if is_stuck(key) {
            pending::<()>().await;
        }
        sleep(WORK).await;
        let value = lease.token().to_string();
        self.write(&format!("done {key} {value}"));
        value
    }

    /// Writes a line to the file, which outlives this process, and to the parent.
    fn write(&self, line: &str) {
        let file = OpenOptions::new().append(true).open(&self.file);
        let written = file.unwrap().write(format!("{line}\n").as_bytes());
        assert_eq!(written.unwrap(), line.len() + 1);
        println!("chaos {line}");
    }
}
