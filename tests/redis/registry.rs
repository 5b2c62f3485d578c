//! `deadline::Registry` in Redis. Two connections stand for two processes: here
//! they share nothing but the server.

use std::{future::ready, time::Duration};

use sluicegate::{
    deadline::{
        Registry,
        registry::{Claim, Error, Id, Remaining},
    },
    redis::{ErrorKind, Server as Place},
};

use crate::{
    cluster::Cluster,
    connection::{builder, until},
    server::Server,
};

const HOUR: Duration = Duration::from_secs(3_600);

async fn registry(place: impl Into<Place>) -> Registry {
    let connection = builder(place).connect().await.expect("it is up");
    Registry::redis("orders", &connection)
}

/// Two registries of one name, as at both ends of a queue.
async fn both(server: &Server) -> (Registry, Registry) {
    (registry(server.url()).await, registry(server.url()).await)
}

/// Returns the id after its way through a message.
fn sent(id: &Id) -> Id {
    id.to_string().parse().expect("an id")
}

fn left(remaining: Remaining) -> Duration {
    match remaining {
        Remaining::Left(left) => left,
        other => panic!("{other:?}"),
    }
}

async fn listening(registry: &Registry) {
    let subscribed = || ready(registry.counts().subscribed > 0);
    until("there is a subscription", subscribed).await;
}

async fn claim_and_listen(registry: &Registry, id: &Id) -> Claim {
    let claim = registry.claim(&sent(id)).await.unwrap();
    listening(registry).await;
    claim
}

async fn hears(claim: &Claim, why: &str) {
    let heard = || ready(claim.why_cancelled().is_some());
    until("the holder hears of it", heard).await;
    assert_eq!(&*claim.cancelled().await, why);
}

fn all_expire(server: &Server) -> usize {
    let mut client = server.client();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut client).unwrap();
    let deadlines = keys.iter().filter(|key| key.contains("}:deadline"));
    let expiring = deadlines.map(|key| {
        let ttl: i64 = redis::cmd("PTTL").arg(key).query(&mut client).unwrap();
        assert!(ttl > 0, "{key} stays for ever");
    });
    expiring.count()
}

#[tokio::test]
async fn a_deadline_is_the_same_at_both_ends() {
    let server = Server::start();
    let (producer, consumer) = both(&server).await;
    let id = producer.register(HOUR).await.unwrap();
    let before = left(producer.remaining(&id).await.unwrap());
    let claim = consumer.claim(&sent(&id)).await.unwrap();
    let after = left(producer.remaining(&id).await.unwrap());
    assert!(before <= HOUR && after <= before);
    // The time that is left now is at most the time that was left when asked.
    assert!(claim.deadline().remaining() <= before);
    assert_eq!(claim.id(), &id);
}

#[tokio::test]
async fn expired_cancelled_and_unknown_are_told_apart() {
    let server = Server::start();
    let (producer, consumer) = both(&server).await;
    let expired = producer.register(Duration::ZERO).await.unwrap();
    let cancelled = producer.register(HOUR).await.unwrap();
    let unknown = Id::named("never seen").unwrap();
    let before = producer.cancel(&cancelled, "sold out").await.unwrap();
    assert!(matches!(before, Remaining::Left(_)));
    let why = Remaining::Cancelled("sold out".into());
    assert_eq!(consumer.remaining(&expired).await, Ok(Remaining::Expired));
    assert_eq!(consumer.remaining(&cancelled).await, Ok(why.clone()));
    assert_eq!(consumer.remaining(&unknown).await, Ok(Remaining::Unknown));
    assert_eq!(consumer.claim(&expired).await.unwrap_err(), Error::Expired);
    assert_eq!(consumer.claim(&unknown).await.unwrap_err(), Error::Unknown);
    let error = consumer.claim(&cancelled).await.unwrap_err();
    assert_eq!(error, Error::Cancelled("sold out".into()));
    // The first reason stays.
    assert_eq!(consumer.cancel(&cancelled, "again").await, Ok(why));
    assert_eq!(all_expire(&server), 2);
}

#[tokio::test]
async fn a_deadline_past_its_grace_is_unknown() {
    let server = Server::start();
    let connection = builder(server.url()).connect().await.unwrap();
    let forgetful = Registry::builder().grace(Duration::ZERO);
    let registry = forgetful.redis("orders", &connection);
    let id = registry.register(Duration::ZERO).await.unwrap();
    until("it is forgotten", || async {
        registry.remaining(&id).await == Ok(Remaining::Unknown)
    })
    .await;
}

#[tokio::test]
async fn a_child_ends_with_its_parent_at_the_latest() {
    let server = Server::start();
    let (producer, consumer) = both(&server).await;
    let parent = producer.register(HOUR).await.unwrap();
    let long = consumer.derive(&sent(&parent), 2 * HOUR).await.unwrap();
    let short = consumer.derive(&sent(&parent), HOUR / 2).await.unwrap();
    let of_long = left(producer.remaining(&long).await.unwrap());
    let of_parent = left(producer.remaining(&parent).await.unwrap());
    // The parent, asked for later, has at most the time that the child had.
    assert!(of_long <= HOUR && of_long >= of_parent);
    let mut client = server.client();
    let mut at = |id: &Id| -> u64 {
        let text = id.to_string();
        let path = text.split(';').next().unwrap();
        let below = path.find(':').unwrap_or(path.len());
        let (root, below) = path.split_at(below);
        let key = format!("sluicegate:{{orders:{root}}}:deadline{below}");
        redis::cmd("HGET")
            .arg(key)
            .arg("at")
            .query(&mut client)
            .unwrap()
    };
    assert_eq!(at(&long), at(&parent));
    assert!(left(producer.remaining(&short).await.unwrap()) <= HOUR / 2);
    producer.cancel(&parent, "enough").await.unwrap();
    let error = consumer.derive(&parent, HOUR).await.unwrap_err();
    assert_eq!(error, Error::Cancelled("enough".into()));
    assert_eq!(all_expire(&server), 3);
}

#[tokio::test]
async fn an_id_that_is_known_only_becomes_earlier() {
    let server = Server::start();
    let (one, other) = both(&server).await;
    let id = Id::named("order {17}:x").unwrap();
    one.register_as(id.clone(), HOUR).await.unwrap();
    other.register_as(id.clone(), 2 * HOUR).await.unwrap();
    assert!(left(one.remaining(&id).await.unwrap()) <= HOUR);
    other.register_as(id.clone(), HOUR / 2).await.unwrap();
    assert!(left(one.remaining(&id).await.unwrap()) <= HOUR / 2);
    assert_eq!(all_expire(&server), 1);
}

#[tokio::test]
async fn a_child_ends_with_a_parent_that_has_become_earlier() {
    let server = Server::start();
    for registry in [registry(server.url()).await, Registry::local()] {
        let root = Id::named("root").unwrap();
        registry.register_as(root.clone(), 3 * HOUR).await.unwrap();
        let child = registry.derive(&root, 2 * HOUR).await.unwrap();
        let its_child = registry.derive(&child, 3 * HOUR).await.unwrap();
        registry.register_as(root, HOUR).await.unwrap();
        for id in [&child, &its_child] {
            assert!(left(registry.remaining(id).await.unwrap()) <= HOUR);
            let claim = registry.claim(id).await.unwrap();
            assert!(claim.deadline().remaining() <= HOUR);
        }
        let later = registry.derive(&its_child, 3 * HOUR).await.unwrap();
        assert!(left(registry.remaining(&later).await.unwrap()) <= HOUR);
    }
}

#[tokio::test]
async fn cancelling_a_parent_reaches_the_holders_of_a_child() {
    let server = Server::start();
    let (producer, consumer) = both(&server).await;
    let root = producer.register(HOUR).await.unwrap();
    let parent = producer.derive(&root, HOUR).await.unwrap();
    let child = producer.derive(&parent, HOUR).await.unwrap();
    let below = claim_and_listen(&consumer, &child).await;
    let above = consumer.claim(&root).await.unwrap();
    producer.cancel(&parent, "the buyer left").await.unwrap();
    hears(&below, "the buyer left").await;
    let cancelled = Remaining::Cancelled("the buyer left".into());
    assert_eq!(producer.remaining(&child).await, Ok(cancelled));
    assert_eq!(above.why_cancelled(), None);
    assert_eq!(consumer.counts().told, 1);
}

#[tokio::test]
async fn a_cancellation_is_heard_even_if_its_message_was_lost() {
    let server = Server::start();
    let (producer, consumer) = both(&server).await;
    let id = producer
        .register_as(Id::named("a").unwrap(), HOUR)
        .await
        .unwrap();
    let child = producer.derive(&id, HOUR).await.unwrap();
    let claim = claim_and_listen(&consumer, &child).await;
    let mut client = server.client();
    // As a cancellation does while there is no subscription.
    let mut lost = redis::pipe();
    lost.cmd("HSET")
        .arg("sluicegate:{orders:a}:deadline")
        .arg("why")
        .arg("late");
    lost.cmd("CLIENT").arg("KILL").arg("TYPE").arg("pubsub");
    let killed: (i64, i64) = lost.query(&mut client).unwrap();
    assert_eq!(killed, (1, 1));
    hears(&claim, "late").await;
    until("it listens again", || {
        ready(consumer.counts().subscribed > 1)
    })
    .await;
    assert!(consumer.counts().rechecked >= 1);
}

/// Another version or program may have written such a record.
#[tokio::test]
async fn a_record_that_cannot_be_read_is_an_error_and_stays() {
    let server = Server::start();
    let (producer, _) = both(&server).await;
    let mut client = server.client();
    let key = "sluicegate:{orders:a}:deadline";
    let strays: [&[&str]; 4] = [
        &["SET", key, "x"],
        &["HSET", key, "at", "soon"],
        &["HSET", key, "at", "1e16"],
        &["RPUSH", key, "x"],
    ];
    for stray in strays {
        redis::cmd(stray[0])
            .arg(&stray[1..])
            .exec(&mut client)
            .unwrap();
        let dump = |client: &mut redis::Connection| -> Vec<u8> {
            redis::cmd("DUMP").arg(key).query(client).unwrap()
        };
        let before = dump(&mut client);
        let id = Id::named("a").unwrap();
        let is_unreadable = |error: Error| match error {
            Error::Redis(error) => error.kind() == ErrorKind::Unreadable,
            _ => false,
        };
        let registered = producer.register_as(id.clone(), HOUR).await;
        assert!(is_unreadable(registered.unwrap_err()), "{stray:?}");
        assert!(is_unreadable(producer.remaining(&id).await.unwrap_err()));
        assert!(is_unreadable(producer.derive(&id, HOUR).await.unwrap_err()));
        assert!(is_unreadable(producer.cancel(&id, "x").await.unwrap_err()));
        assert_eq!(dump(&mut client), before, "{stray:?}");
        redis::cmd("DEL").arg(key).exec(&mut client).unwrap();
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_read_keeps_no_other_holder_from_hearing() {
    let server = Server::start();
    let (producer, consumer) = both(&server).await;
    let garbled = producer
        .register_as(Id::named("a").unwrap(), HOUR)
        .await
        .unwrap();
    let _held = claim_and_listen(&consumer, &garbled).await;
    let id = producer.register(HOUR).await.unwrap();
    let claim = claim_and_listen(&consumer, &id).await;
    let mut lost = redis::pipe();
    lost.cmd("SET")
        .arg("sluicegate:{orders:a}:deadline")
        .arg("x")
        .ignore();
    lost.cmd("CLIENT")
        .arg("KILL")
        .arg("TYPE")
        .arg("pubsub")
        .ignore();
    lost.exec(&mut server.client()).unwrap();
    until("it listens again", || {
        ready(consumer.counts().subscribed > 1)
    })
    .await;
    producer.cancel(&id, "now").await.unwrap();
    hears(&claim, "now").await;
}

#[tokio::test]
async fn a_killed_subscription_begins_again() {
    let server = Server::start();
    let (producer, consumer) = both(&server).await;
    let id = producer.register(HOUR).await.unwrap();
    let claim = claim_and_listen(&consumer, &id).await;
    let mut kill = redis::cmd("CLIENT");
    kill.arg("KILL").arg("TYPE").arg("pubsub");
    kill.exec(&mut server.client()).unwrap();
    producer.cancel(&id, "now").await.unwrap();
    hears(&claim, "now").await;
}

/// The cancellation of an unknown deadline is published only once, and cannot be
/// asked for later.
#[tokio::test]
async fn a_cancellation_is_heard_while_missed_messages_cannot_be_asked_for() {
    let server = Server::with(&["--user", "app", "on", "nopass", "~*", "&*", "+@all"]);
    let url = server.url().replace("//", "//app:any@");
    let (producer, consumer) = (registry(server.url()).await, registry(url).await);
    let id = producer.register(HOUR).await.unwrap();
    let claim = claim_and_listen(&consumer, &id).await;
    let mut lost = redis::pipe();
    for order in [
        "ACL SETUSER app -evalsha -eval",
        "FLUSHDB",
        "CLIENT KILL TYPE pubsub",
    ] {
        let (name, rest) = order.split_once(' ').unwrap_or((order, ""));
        let words: Vec<_> = rest.split_terminator(' ').collect();
        lost.cmd(name).arg(words).ignore();
    }
    let subscribed = consumer.counts().subscribed;
    lost.exec(&mut server.client()).unwrap();
    until("it listens again", || {
        ready(consumer.counts().subscribed > subscribed)
    })
    .await;
    // Meanwhile, Redis refuses it.
    until("it asks in vain", || async {
        consumer.remaining(&id).await.is_err()
    })
    .await;
    let unknown = producer.cancel(&id, "even so").await;
    assert_eq!(unknown, Ok(Remaining::Unknown));
    hears(&claim, "even so").await;
}

#[tokio::test]
async fn a_server_that_lost_its_state_knows_nothing_but_still_tells() {
    let mut server = Server::start();
    let (producer, consumer) = both(&server).await;
    let id = producer.register(HOUR).await.unwrap();
    let claim = claim_and_listen(&consumer, &id).await;
    let subscribed = consumer.counts().subscribed;
    server.restart();
    until("it answers again", || async {
        consumer.remaining(&id).await == Ok(Remaining::Unknown)
    })
    .await;
    assert_eq!(claim.why_cancelled(), None);
    assert!(!claim.deadline().is_expired());
    until("it listens again", || {
        ready(consumer.counts().subscribed > subscribed)
    })
    .await;
    until("somebody can cancel it", || async {
        producer.cancel(&id, "even so").await == Ok(Remaining::Unknown)
    })
    .await;
    hears(&claim, "even so").await;
}

#[tokio::test]
async fn without_redis_the_error_is_the_answer() {
    let mut server = Server::start();
    let registry = registry(server.url()).await;
    let id = registry.register(HOUR).await.unwrap();
    server.kill();
    assert!(matches!(
        registry.register(HOUR).await,
        Err(Error::Redis(_))
    ));
    assert!(matches!(registry.claim(&id).await, Err(Error::Redis(_))));
    assert!(matches!(
        registry.derive(&id, HOUR).await,
        Err(Error::Redis(_))
    ));
    assert!(matches!(
        registry.cancel(&id, "").await,
        Err(Error::Redis(_))
    ));
    assert_eq!(registry.counts().fell_back, 0);
}

#[tokio::test]
async fn with_a_skew_the_id_is_the_answer_and_is_counted() {
    let mut server = Server::start();
    let connection = builder(server.url()).connect().await.unwrap();
    let skew = HOUR / 4;
    let registry = Registry::builder().skew(skew).redis("orders", &connection);
    let before = registry.register(HOUR).await.unwrap();
    assert_eq!(registry.counts().fell_back, 0);
    server.kill();
    let claim = registry.claim(&sent(&before)).await.unwrap();
    assert!(claim.deadline().remaining() <= HOUR - skew);
    let during = registry.register(HOUR).await.unwrap();
    let child = registry.derive(&during, HOUR).await.unwrap();
    let short = registry.register(skew).await.unwrap();
    assert_eq!(registry.claim(&short).await.unwrap_err(), Error::Expired);
    // This id carries only its name.
    let named = Id::named("named").unwrap();
    assert!(matches!(registry.claim(&named).await, Err(Error::Redis(_))));
    assert_eq!(registry.counts().fell_back, 5);
    server.restart();
    until("Redis is back", || async {
        registry.remaining(&named).await == Ok(Remaining::Unknown)
    })
    .await;
    // Redis knows neither of them; one of them had a record before.
    assert_eq!(registry.remaining(&before).await, Ok(Remaining::Unknown));
    for id in [during, child] {
        let remaining = registry.remaining(&sent(&id)).await.unwrap();
        assert!(left(remaining) <= HOUR - skew);
    }
    assert_eq!(registry.counts().fell_back, 7);
}

#[tokio::test]
async fn in_a_cluster_a_tree_is_in_one_slot_and_all_nodes_are_heard() {
    let cluster = Cluster::start();
    let (producer, consumer) = (
        registry(Place::cluster(cluster.urls())).await,
        registry(Place::cluster(cluster.urls())).await,
    );
    let mut claims = Vec::new();
    for _ in 0..8 {
        let id = producer.register(HOUR).await.unwrap();
        let child = producer.derive(&id, HOUR).await.unwrap();
        claims.push((id, claim_and_listen(&consumer, &child).await));
    }
    for (id, _) in &claims {
        producer.cancel(id, "all of it").await.unwrap();
    }
    for (_, claim) in &claims {
        hears(claim, "all of it").await;
    }
}

fn told<T>(answer: Result<T, Error>) -> String {
    match answer {
        Ok(_) => "ok".into(),
        Err(error) => error.to_string(),
    }
}

/// Rounds to the hour, which is longer than a test takes.
fn to_the_hour(remaining: Result<Remaining, Error>) -> String {
    match remaining.unwrap() {
        Remaining::Left(left) => left.as_secs().div_ceil(3_600).to_string(),
        word => format!("{word:?}"),
    }
}

#[tokio::test]
async fn in_process_it_answers_as_it_does_in_redis() {
    let server = Server::start();
    let (redis, local) = (registry(server.url()).await, Registry::local());
    let mut seed = 7_u64;
    let mut pick = |of: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as usize % of
    };
    // Each deadline is in both registries, in Redis and in process.
    let names = ["a", "b", "c", "d"].map(|name| Id::named(name).unwrap());
    let mut ids: Vec<_> = names.iter().map(|id| (id.clone(), id.clone())).collect();
    for step in 0..600 {
        let (there, here) = ids[pick(ids.len())].clone();
        let budget = HOUR * u32::try_from(pick(9)).unwrap();
        match pick(8) {
            0 => {
                let answer = redis.register_as(there.clone(), budget).await;
                let twin = local.register_as(here.clone(), budget).await;
                assert_eq!(told(answer), told(twin), "step {step}");
            }
            1..=4 => {
                let answer = redis.derive(&there, budget).await;
                let twin = local.derive(&here, budget).await;
                assert_eq!(told(answer.clone()), told(twin.clone()), "step {step}");
                ids.extend(answer.ok().zip(twin.ok()));
            }
            5 if pick(4) == 0 => {
                let answer = redis.cancel(&there, &format!("{step}")).await;
                let twin = local.cancel(&here, &format!("{step}")).await;
                assert_eq!(to_the_hour(answer), to_the_hour(twin), "step {step}");
            }
            _ => {}
        }
        let (answer, twin) = (redis.remaining(&there), local.remaining(&here));
        let (answer, twin) = (answer.await, twin.await);
        assert_eq!(to_the_hour(answer), to_the_hour(twin), "step {step}");
    }
    assert!(ids.len() > 20, "the tree is too small to prove anything");
}
