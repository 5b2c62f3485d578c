//! Kills instances in the middle of orders, and their Redis too, while impatient
//! clients send 200 orders again and again, to any instance.
//!
//! The journal of the instances outlives them and shows which orders were placed.
//! The responses are compared with it.

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
use super::{MAX_WAIT, Server, exchange, get, json_of, order, read, redis_server, written};

#[path = "chaos/client.rs"]
mod client;
#[path = "../redis/dice.rs"]
#[allow(dead_code, reason = "the tests of the limiter use more of it")]
mod dice;
#[path = "chaos/fleet.rs"]
mod fleet;
#[path = "../redis/scratch.rs"]
#[allow(dead_code, reason = "the tests of Redis use more of it")]
mod scratch;

const ORDERS: usize = 200;

/// The number of clients. Each sends one order at a time.
const CLIENTS: u64 = 20;

/// The processes that are killed, one after the other.
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
    let orders = storm("refuse");
    for order in &orders {
        order.has_one_answer();
        match order.answer().id() {
            Some(id) => assert_eq!(order.placed, [id], "{order:?}"),
            None => assert!(order.placed.len() <= 1, "{order:?}"),
        }
    }
    let unknown = |order: &&Order| *order.answer() == Answer::Unknown;
    let unknown: Vec<_> = orders.iter().filter(unknown).collect();
    let placed = unknown.iter().filter(|order| order.placed.len() == 1);
    let placed = placed.count();
    println!(
        "{} outcomes are unknown; {placed} of these orders were placed",
        unknown.len()
    );
    assert!(
        placed > 0,
        "no instance was killed after it had placed an order"
    );
}

#[test]
fn every_order_has_one_final_response_where_unknown_outcomes_run_again() {
    let orders = storm("rerun");
    for order in &orders {
        order.has_one_answer();
        let id = order.answer().id();
        let is_placed = id.is_some_and(|id| order.placed.contains(&id));
        assert!(is_placed, "{order:?}");
    }
    // Otherwise this storm would not show that `refuse` makes a difference.
    let twice = orders.iter().filter(|order| order.placed.len() > 1).count();
    println!("{twice} orders were placed more than once");
    assert!(
        twice > 0,
        "no instance was killed after it had placed an order"
    );
}

/// The responses to an order, and its entries in the journal.
#[derive(Debug)]
struct Order {
    first: Answer,
    /// The response of each instance after the storm.
    last: Vec<Answer>,
    /// The ids under which it was placed.
    placed: Vec<u64>,
}

impl Order {
    fn answer(&self) -> &Answer {
        &self.last[0]
    }

    /// Asserts that the instances agree, and that a placed order stays placed. An
    /// unknown outcome may become known, because its instance may only have been slow.
    fn has_one_answer(&self) {
        let agree = self.last.iter().all(|last| last == self.answer());
        assert!(agree, "{self:?}");
        let stays = &self.first == self.answer() || self.first == Answer::Unknown;
        assert!(stays, "{self:?}");
    }
}

/// Lets clients place all orders, and then asks every instance for them.
fn storm(takeover: &str) -> Vec<Order> {
    let began = Instant::now();
    let mut fleet = Fleet::start(takeover);
    let first = rage(&mut fleet);
    fleet.has_saved_all();
    let addresses = fleet.addresses();
    let last = addresses.map(|address| thread::spawn(move || Client::of(address).ask_for_all()));
    let last = last.map(|client| client.join().expect("every order gets a response"));
    let mut placed: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (item, id) in fleet.journal() {
        placed.entry(item).or_default().push(id);
    }
    println!("{takeover}: {:?}", began.elapsed());
    let orders = first.into_iter().map(|(item, first)| Order {
        first,
        last: last.iter().map(|last| last[item].clone()).collect(),
        placed: placed.remove(&item).unwrap_or_default(),
    });
    let orders: Vec<_> = orders.collect();
    assert_eq!(orders.len(), ORDERS);
    assert!(placed.is_empty(), "no client sent these: {placed:?}");
    orders
}

/// Returns the final responses to the clients.
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
            .map(|it| it.join().expect("every order gets a response"));
        answers.flatten().collect()
    })
}

fn place_all(queue: &Mutex<Receiver<usize>>, mut client: Client) -> Vec<(usize, Answer)> {
    let next = || {
        queue
            .lock()
            .expect("no code panics while it holds the lock")
            .recv()
            .ok()
    };
    let orders = iter::from_fn(next);
    orders.map(|item| (item, client.insist(item))).collect()
}

/// Hands out orders, and kills a process each time some of them are being placed.
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
