//! Credentials that change while a service runs.

use std::{
    error::Error as _,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use sluicegate::{
    idempotency::{self, Store},
    redis::{Connection, ErrorKind, Login, Server as Place},
};

use super::{builder, count, hasty, until};
use crate::{
    cluster::Cluster,
    idempotency::{name, request},
    log::Log,
    sentinel::Sentinel,
    server::Server,
};

/// The next behaviour of the provider.
#[derive(Clone, Copy)]
enum Next {
    Tell(&'static str),
    Fail,
    Panic,
    Stall,
}

struct Vault {
    next: Mutex<Next>,
    asked: AtomicUsize,
}

impl Vault {
    fn with(password: &'static str) -> Arc<Self> {
        Arc::new(Self {
            next: Mutex::new(Next::Tell(password)),
            asked: AtomicUsize::new(0),
        })
    }

    fn set(&self, next: Next) {
        *self.next.lock().unwrap() = next;
    }

    async fn login(self: Arc<Self>) -> Result<Login, String> {
        self.asked.fetch_add(1, SeqCst);
        let next = *self.next.lock().unwrap();
        match next {
            Next::Tell(password) => Ok(Login::new("app", password)),
            Next::Fail => Err("hunter2 is no longer the password".to_owned()),
            Next::Panic => panic!("hunter2 panics"),
            Next::Stall => std::future::pending().await,
        }
    }

    async fn connect(self: &Arc<Self>, place: impl Into<Place>) -> Connection {
        let vault = Arc::clone(self);
        let builder = builder(place).credentials(move || Arc::clone(&vault).login());
        assert!(!format!("{builder:?}").contains("hunter"));
        builder.connect().await.unwrap()
    }
}

fn server(password: &str) -> Server {
    let password = format!(">{password}");
    Server::with(&["--user", "app", "on", &password, "~*", "&*", "+@all"])
}

fn rotate(server: &Server, password: &str) {
    let password = format!(">{password}");
    let mut order = redis::cmd("ACL");
    order.arg(&["SETUSER", "app", "resetpass", &password]);
    order.exec(&mut server.client()).unwrap();
}

fn hang_up(server: &Server) {
    let mut order = redis::cmd("CLIENT");
    order.arg(&["KILL", "USER", "app"]);
    order.exec(&mut server.client()).unwrap();
}

#[tokio::test]
async fn a_password_may_be_rotated_while_connected() {
    let server = server("hunter1");
    let vault = Vault::with("hunter1");
    let redis = vault.connect(server.url()).await;
    assert_eq!(
        (count(&redis, "n").await.unwrap(), vault.asked.load(SeqCst)),
        (1, 1)
    );
    rotate(&server, "hunter2");
    assert_eq!(count(&redis, "n").await.unwrap(), 2, "it is logged in");

    // The old one until the provider knows better.
    hang_up(&server);
    let refused = until_error(&redis, "a user").await;
    assert!(
        refused.contains("WRONGPASS") && !refused.contains("hunter"),
        "{refused}"
    );
    vault.set(Next::Tell("hunter2"));
    until("the new one is asked for", async || {
        count(&redis, "n").await.is_ok()
    })
    .await;

    // Another lane logs in with the current password.
    let asked = vault.asked.load(SeqCst);
    let store = idempotency::Redis::new("orders", &redis);
    store.claim(name("k"), request()).await.unwrap();
    assert!(vault.asked.load(SeqCst) > asked);
}

/// Returns an error when its text contains this word.
async fn until_error(redis: &Connection, word: &str) -> String {
    let told = Mutex::new(String::new());
    let ask = async || {
        let Err(error) = count(redis, "n").await else {
            return false;
        };
        assert!(error.source().is_none());
        let text = format!("{error} {error:?}");
        let is_told = text.contains(word);
        *told.lock().unwrap() = text;
        is_told
    };
    until(word, ask).await;
    told.into_inner().unwrap()
}

#[tokio::test]
async fn a_provider_that_fails_is_asked_again_and_never_quoted() {
    let (log, _logging) = Log::begin();
    let server = server("hunter2");
    let vault = Vault::with("hunter2");
    let redis = vault.connect(server.url()).await;
    for (next, told) in [
        (Next::Fail, "the provider of credentials failed"),
        (Next::Panic, "the provider of credentials panicked"),
    ] {
        vault.set(next);
        hang_up(&server);
        let error = until_error(&redis, told).await;
        assert!(!error.contains("hunter"), "{error}");
        vault.set(Next::Tell("hunter2"));
        until("it is asked again", async || {
            count(&redis, "n").await.is_ok()
        })
        .await;
    }
    assert!(!log.lines("").concat().contains("hunter"));
    // A provider that hangs does not block callers for ever.
    vault.set(Next::Stall);
    let (vault, place) = (Arc::clone(&vault), server.url());
    let builder = hasty(place).credentials(move || Arc::clone(&vault).login());
    let stalled = builder.connect().await.unwrap_err();
    assert!(
        stalled.to_string().contains("gave none within 1s"),
        "{stalled}"
    );
}

#[tokio::test]
async fn a_listener_outlives_a_provider_that_panics() {
    let server = server("hunter2");
    let vault = Vault::with("hunter2");
    let redis = vault.connect(server.url()).await;
    let store = idempotency::Redis::new("orders", &redis);
    let work = request();
    store.claim(name("k"), work).await.unwrap();
    vault.set(Next::Panic);
    let asked = vault.asked.load(SeqCst);
    let settled = store.settled(name("k"));
    let release = async {
        until("it is asked", async || vault.asked.load(SeqCst) > asked).await;
        vault.set(Next::Tell("hunter2"));
        until("it listens", async || store.counts().subscribed == 1).await;
        store
            .release(name("k"), work.token)
            .await
            .map(drop)
            .unwrap();
    };
    futures_util::join!(settled, release);
}

#[tokio::test]
async fn the_provider_serves_the_primary_behind_sentinels_and_all_nodes() {
    let primary = server("hunter2");
    let sentinel = Sentinel::watching(primary.port());
    let vault = Vault::with("hunter2");
    let redis = vault
        .connect(Place::sentinel([sentinel.url()], "mymaster"))
        .await;
    assert_eq!(count(&redis, "n").await.unwrap(), 1);

    let cluster = Cluster::start();
    for node in &cluster.nodes {
        rotate(node, "hunter2");
        let mut order = redis::cmd("ACL");
        order.arg(&["SETUSER", "app", "on", "~*", "&*", "+@all"]);
        order.exec(&mut node.client()).unwrap();
    }
    let redis = vault.connect(Place::cluster(cluster.urls())).await;
    for n in 0..20 {
        count(&redis, &format!("k{n}")).await.unwrap();
    }
}

#[test]
fn an_address_with_a_password_is_refused_beside_a_provider() {
    for url in ["redis://:hunter2@localhost", "redis://hunter2@localhost"] {
        let vault = Vault::with("hunter3");
        let builder = builder(url).credentials(move || Arc::clone(&vault).login());
        let error = builder.lazy().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        let text = format!("{error} {error:?}");
        assert!(
            text.starts_with("invalid redis credentials ") && !text.contains("hunter"),
            "{text}"
        );
    }
    let login = format!(
        "{:?} {:?}",
        Login::new("app", "hunter2"),
        Login::password("hunter2")
    );
    assert!(
        login.contains("app") && !login.contains("hunter2"),
        "{login}"
    );
}
