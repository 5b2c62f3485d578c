//! Processes that are killed while they work.

use std::{
    env,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::{join_all, pending};
use sluicegate::{
    clock::{Clock, Manual, Wall},
    idempotency::{
        Claim, ClaimRequest, Durable, LeaseStatus, Name, OpenError, Scope, Store, StoreError,
        Takeover, Token,
    },
};

use super::folder::Folder;
use crate::durable::room::{KEEP, LEASE, request};

/// Makes a process a member: it names the task and the folder.
const MEMBER: &str = "SLUICEGATE_DURABLE_MEMBER";

/// The number of concurrent workers.
const TASKS: usize = 8;

/// A member process; killed when dropped.
struct Member {
    child: Child,
    says: BufReader<ChildStdout>,
}

impl Drop for Member {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Member {
    fn start(task: &str, folder: &Folder) -> Self {
        Self::spawn(Command::new(program()), task, folder)
    }

    /// Starts a member whose files may not exceed 64 MiB.
    fn start_limited(task: &str, folder: &Folder) -> Self {
        let mut shell = Command::new("sh");
        let limit = "trap '' XFSZ; ulimit -f 131072; exec \"$0\" \"$@\"";
        shell.args(["-c", limit]).arg(program());
        Self::spawn(shell, task, folder)
    }

    /// Starts a member that survives a file that cannot be written.
    fn start_fearless(task: &str, folder: &Folder) -> Self {
        let mut shell = Command::new("sh");
        let fearless = "trap '' XFSZ; exec \"$0\" \"$@\"";
        shell.args(["-c", fearless]).arg(program());
        Self::spawn(shell, task, folder)
    }

    /// Limits the size of its files from now on; 0 is a full disk.
    #[cfg(target_os = "linux")]
    fn limit(&self, bytes: &str) {
        let limited = Command::new("prlimit")
            .arg(format!("--pid={}", self.child.id()))
            .arg(format!("--fsize={bytes}:"))
            .status();
        let limited = limited.expect("prlimit is there: apt-get install util-linux");
        assert!(limited.success());
    }

    fn spawn(mut test: Command, task: &str, folder: &Folder) -> Self {
        test.args(["durable::crash::member", "--exact", "--nocapture"])
            .env(MEMBER, format!("{task} {}", folder.path().display()))
            .stdout(Stdio::piped());
        let mut child = test.spawn().expect("a test can be run again");
        let says = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, says }
    }

    /// Returns the next line of the member; `None` if it has ended.
    fn told(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            if self.says.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if let Some((_, told)) = line.trim_end().split_once("told ") {
                return Some(told.to_owned());
            }
        }
    }

    /// Kills the member; returns the rest of its lines.
    fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::iter::from_fn(|| self.told()).collect()
    }
}

fn program() -> PathBuf {
    env::current_exe().expect("a test knows where it is")
}

fn tell(what: impl std::fmt::Display) {
    println!("\ntold {what}");
}

/// Returns at once, unless this process is a member.
#[tokio::test]
async fn member() {
    let Ok(orders) = env::var(MEMBER) else {
        return;
    };
    let (task, folder) = orders.split_once(' ').unwrap();
    match (task, Durable::open(folder).await) {
        ("open", Err(OpenError::Locked)) => tell("locked"),
        ("one", Ok(store)) => one(&store).await,
        ("large", Ok(store)) => large(&store).await,
        ("filling", Ok(store)) => filling(&store).await,
        ("many", Ok(store)) => drop(join_all((0..TASKS).map(|task| many(&store, task))).await),
        (_, other) => panic!("{other:?}"),
    }
}

/// Completes one work, and begins another.
async fn one(store: &Durable) {
    assert!(matches!(
        claim(store, key("done"), 1).await,
        Claim::Run { .. }
    ));
    let done = store.complete(key("done"), token(1), "answer".into(), KEEP);
    assert_eq!(done.await, Ok(LeaseStatus::Held));
    assert!(matches!(
        claim(store, key("begun"), 1).await,
        Claim::Run { .. }
    ));
    tell("ready");
    pending().await
}

/// Completes work whose record no file has room for.
async fn large(store: &Durable) {
    assert!(matches!(
        claim(store, key("large"), 1).await,
        Claim::Run { .. }
    ));
    let record = vec![7; 80 << 20].into();
    let done = store.complete(key("large"), token(1), record, KEEP).await;
    tell(format!("{done:?}"));
    let next = store.claim(key("next"), careful(1)).await;
    tell(format!("{next:?}"));
}

/// Completes work after work if it can, and reports each change of that.
async fn filling(store: &Durable) {
    let mut before = String::new();
    for number in 0.. {
        let name = key(&number.to_string());
        let done = match store.claim(name, request(1)).await {
            Ok(_) => store.complete(name, token(1), "x".into(), KEEP).await,
            Err(error) => Err(error),
        };
        let now = match (done, store.claim(key("0"), careful(2)).await) {
            (Ok(LeaseStatus::Held), Ok(Claim::Replay(_))) => "kept".to_owned(),
            (Err(StoreError::Unavailable(_)), _) | (_, Err(StoreError::Unavailable(_))) => {
                "away".to_owned()
            }
            other => format!("{other:?}"),
        };
        if now != before {
            tell(&now);
            before = now;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Completes work after work, and reports each before and after.
async fn many(store: &Durable, task: usize) {
    for number in 0.. {
        let what = format!("{task}.{number}");
        let claimed = claim(store, key(&what), 1).await;
        if matches!(claimed, Claim::Replay(_)) {
            continue;
        }
        tell(format!("begun {what}"));
        let record = Bytes::from(what.repeat(300));
        let done = store.complete(key(&what), token(1), record, KEEP);
        assert_eq!(done.await, Ok(LeaseStatus::Held));
        tell(format!("done {what}"));
    }
}

fn key(what: &str) -> Name {
    Scope::new("crash").name(what)
}

fn token(number: u8) -> Token {
    request(number).token
}

async fn claim(store: &Durable, name: Name, token: u8) -> Claim {
    store.claim(name, careful(token)).await.unwrap()
}

/// A worker that does not repeat work that another has begun.
fn careful(token: u8) -> ClaimRequest {
    let takeover = Takeover::Refuse;
    ClaimRequest {
        takeover,
        ..request(token)
    }
}

#[tokio::test]
async fn after_a_kill_completed_work_is_replayed_and_begun_work_is_leased() {
    let folder = Folder::new();
    let mut member = Member::start("one", &folder);
    assert_eq!(member.told().as_deref(), Some("ready"));
    member.kill();
    let wall = Manual::new();
    wall.set(Wall.now());
    let open = || Durable::builder().wall(wall.clone()).open(folder.path());
    let store = open().await.unwrap();
    let answer = Claim::Replay("answer".into());
    assert_eq!(claim(&store, key("done"), 2).await, answer);
    let begun = claim(&store, key("begun"), 2).await;
    assert!(
        matches!(begun, Claim::Running { left } if left <= LEASE),
        "{begun:?}"
    );
    store.close().await;

    wall.advance(LEASE);
    let store = open().await.unwrap();
    assert_eq!(claim(&store, key("done"), 2).await, answer);
    assert_eq!(claim(&store, key("begun"), 2).await, Claim::Unknown);
    let bold = store.claim(key("begun"), request(2)).await.unwrap();
    assert_eq!(bold, Claim::Run { attempt: 2 });
    let late = store.complete(key("begun"), token(1), "late".into(), KEEP);
    assert_eq!(late.await, Ok(LeaseStatus::Lost));
    store.close().await;
}

#[tokio::test]
async fn all_confirmed_work_is_replayed_after_any_kill() {
    let folder = Folder::new();
    let mut said = Vec::new();
    for kill in 1..=5 {
        let mut member = Member::start("many", &folder);
        for _ in 0..kill * 37 {
            said.push(member.told().unwrap());
        }
        said.extend(member.kill());
        check(&folder, &said).await;
    }
}

/// All completed work is replayed, and no work that has begun is forgotten.
async fn check(folder: &Folder, said: &[String]) {
    let store = Durable::open(folder.path()).await.unwrap();
    for said in said {
        let (stage, what) = said.split_once(' ').unwrap();
        match (stage, claim(&store, key(what), 2).await) {
            (_, Claim::Replay(record)) => assert_eq!(record, what.repeat(300)),
            ("begun", Claim::Running { left }) => assert!(left <= Duration::from_secs(10)),
            (_, other) => panic!("{said}, and then {other:?}"),
        }
    }
    store.close().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_failed_write_is_not_reported_as_done() {
    let folder = Folder::new();
    let mut member = Member::start_limited("large", &folder);
    // Later calls are told why as well.
    for _ in 0..2 {
        let told = member.told().unwrap();
        assert!(
            told.starts_with("Err(Unavailable(") && told.contains("FileTooLarge"),
            "{told}"
        );
    }
    drop(member);
    let store = Durable::open(folder.path()).await.unwrap();
    let begun = claim(&store, key("large"), 2).await;
    assert!(matches!(begun, Claim::Running { .. }), "{begun:?}");
    store.close().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_store_reopens_when_a_full_disk_has_room_again() {
    let folder = Folder::new();
    let mut member = Member::start_fearless("filling", &folder);
    for _ in 0..2 {
        assert_eq!(member.told().as_deref(), Some("kept"));
        member.limit("0");
        assert_eq!(member.told().as_deref(), Some("away"));
        member.limit("unlimited");
    }
    assert_eq!(member.told().as_deref(), Some("kept"));
    drop(member);
    let store = Durable::open(folder.path()).await.unwrap();
    let kept = claim(&store, key("0"), 2).await;
    assert_eq!(kept, Claim::Replay("x".into()));
    store.close().await;
}

#[tokio::test]
async fn another_process_is_told_that_it_is_locked() {
    let folder = Folder::new();
    let store = Durable::open(folder.path()).await.unwrap();
    let mut member = Member::start("open", &folder);
    let told = member.told();
    assert_eq!(told.as_deref(), Some("locked"));
    store.close().await;
}
