//! Instances are killed in the middle of orders, and their Redis too, while
//! impatient clients send 200 orders again and again, to whichever instance.
//!
//! What was placed is told by the instances' journal, which outlives them: what
//! they answer is held against that.

use std::{
    collections::BTreeMap,
    iter,
    sync::{
        Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Instant,
};

use self::{
    client::{Answer, Client},
    fleet::Fleet,
};
use super::{HANGS, Server, exchange, get, json_of, order, read, redis_server, written};

#[path = "chaos/client.rs"]
mod client;
#[path = "../redis/dice.rs"]
#[allow(dead_code, reason = "the tests of the limiter have use for more of it")]
mod dice;
#[path = "chaos/fleet.rs"]
mod fleet;
#[path = "../redis/scratch.rs"]
#[allow(dead_code, reason = "the tests of Redis have use for more of it")]
mod scratch;

const ORDERS: usize = 200;

/// How many have an order on its way at a time.
const CLIENTS: u64 = 20;

/// What is killed, one after the other.
const BLOWS: [Blow; 11] = {
    use Blow::{Instance, Redis};
    [
        Instance, Instance, Redis, Instance, Instance, Instance, Redis, Instance, Instance, Redis,
        Instance,
    ]
};

#[derive(Clone, Copy)]
enum Blow {
    Instance,
    Redis,
}

#[test]
fn no_order_is_placed_twice_where_unknown_outcomes_are_refused() {
    let told = storm("refuse");
    for order in &told {
        order.has_one_answer();
        match order.answer().id() {
            Some(id) => assert_eq!(order.placed, [id], "{order:?}"),
            None => assert!(order.placed.len() <= 1, "{order:?}"),
        }
    }
    let unknown = |order: &&Told| *order.answer() == Answer::Unknown;
    let unknown: Vec<_> = told.iter().filter(unknown).collect();
    let placed = unknown.iter().filter(|order| order.placed.len() == 1);
    let placed = placed.count();
    println!(
        "{} are unknown, of which {placed} were placed",
        unknown.len()
    );
    assert!(placed > 0, "nothing was killed after an order was placed");
}

#[test]
fn every_order_is_answered_once_for_all_where_unknown_outcomes_are_done_again() {
    let told = storm("rerun");
    for order in &told {
        order.has_one_answer();
        let id = order.answer().id();
        let is_placed = id.is_some_and(|id| order.placed.contains(&id));
        assert!(is_placed, "{order:?}");
    }
    // Or the same storm would prove nothing about those who refuse.
    let twice = told.iter().filter(|order| order.placed.len() > 1).count();
    println!("{twice} were placed more than once");
    assert!(twice > 0, "nothing was killed after an order was placed");
}

/// What became of an order.
#[derive(Debug)]
struct Told {
    first: Answer,
    /// What each instance says of it when the storm is over.
    last: Vec<Answer>,
    /// The ids under which it was placed.
    placed: Vec<u64>,
}

impl Told {
    fn answer(&self) -> &Answer {
        &self.last[0]
    }

    /// The instances agree, and an order that was placed stays so. One of unknown
    /// outcome may come to be known, for its instance may only have been slow.
    fn has_one_answer(&self) {
        let agree = self.last.iter().all(|last| last == self.answer());
        assert!(agree, "{self:?}");
        let stays = &self.first == self.answer() || self.first == Answer::Unknown;
        assert!(stays, "{self:?}");
    }
}

/// Lets clients place all orders, and asks for them again when it is over.
fn storm(takeover: &str) -> Vec<Told> {
    let began = Instant::now();
    let mut fleet = Fleet::start(takeover);
    let first = rage(&mut fleet);
    fleet.has_saved_all();
    let addresses = fleet.addresses();
    let last = addresses.map(|address| thread::spawn(move || Client::of(address).ask_for_all()));
    let last = last.map(|client| client.join().expect("all are answered"));
    let mut placed: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (item, id) in fleet.journal() {
        placed.entry(item).or_default().push(id);
    }
    println!("{takeover}: {:?}", began.elapsed());
    let told = first.into_iter().map(|(item, first)| Told {
        first,
        last: last.iter().map(|last| last[item].clone()).collect(),
        placed: placed.remove(&item).unwrap_or_default(),
    });
    let told: Vec<_> = told.collect();
    assert_eq!(told.len(), ORDERS);
    assert!(placed.is_empty(), "nobody has ordered these: {placed:?}");
    told
}

/// The answers with which the clients were content.
fn rage(fleet: &mut Fleet) -> BTreeMap<usize, Answer> {
    let (orders, queue) = channel();
    let queue = &Mutex::new(queue);
    thread::scope(|scope| {
        let work = |seed| {
            let client = Client::new(fleet.directory(), seed);
            scope.spawn(move || place_all(queue, client))
        };
        let clients: Vec<_> = (1..=CLIENTS).map(work).collect();
        strike(fleet, orders);
        let answers = clients
            .into_iter()
            .map(|it| it.join().expect("all are answered"));
        answers.flatten().collect()
    })
}

fn place_all(queue: &Mutex<Receiver<usize>>, mut client: Client) -> Vec<(usize, Answer)> {
    let next = || queue.lock().expect("nobody panics with it").recv().ok();
    let orders = iter::from_fn(next);
    orders.map(|item| (item, client.insist(item))).collect()
}

/// Hands out orders, and strikes whenever some of them are being placed.
fn strike(fleet: &mut Fleet, orders: Sender<usize>) {
    let (batch, mut items) = (ORDERS / BLOWS.len(), 0..ORDERS);
    for blow in BLOWS {
        fleet.has_saved_all();
        let known = fleet.journal().len();
        let more = items.by_ref().take(batch);
        more.for_each(|item| orders.send(item).expect("clients wait for them"));
        let placed = fleet.next_placed(known);
        match blow {
            Blow::Instance => fleet.kill(placed),
            Blow::Redis => fleet.kill_redis(),
        }
    }
    items.for_each(|item| orders.send(item).expect("clients wait for them"));
}
