//! The script of adaptive limits, on a real server.

use redis::{Commands, Script};
use sluicegate::clock::Tick;

use crate::server::Server;

const NOW: Tick = 1_700_000_000_000_000;
pub(super) const LIFE: Tick = 5_000_000;

/// A fleet on a server, under a clock that the test sets.
pub(super) struct Fleet {
    client: redis::Connection,
    script: Script,
    max: u32,
    pub(super) now: Tick,
    calls: u64,
}

/// What an instance tells.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    pub(super) in_flight: u32,
    pub(super) limit: u32,
    pub(super) took: u32,
    pub(super) held: u32,
    pub(super) want: u32,
}

/// What it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    status: i64,
    instances: i64,
    in_flight: i64,
    limit: i64,
    median_limit: i64,
    median_took: i64,
    pub(super) bound: u32,
}

impl Fleet {
    pub(super) fn new(server: &Server, max: u32) -> Self {
        Self {
            client: server.client(),
            script: Script::new(concat!(
                include_str!("../../../lua/clock.lua"),
                include_str!("../../../lua/prelude.lua"),
                include_str!("../../../lua/records.lua"),
                include_str!("../../../lua/adaptive.lua"),
            )),
            max,
            now: NOW,
            calls: 0,
        }
    }

    /// Loses all data of the server.
    pub(super) fn flush(&mut self) {
        redis::cmd("FLUSHALL").exec(&mut self.client).unwrap();
    }

    fn call(&mut self, id: u32, number: u64, life: Tick, told: Told) -> Answer {
        let mut call = self.script.key("fleet");
        call.arg(self.now).arg(id).arg(number).arg(life);
        call.arg(told.in_flight).arg(told.limit).arg(told.took);
        call.arg(told.held).arg(told.want);
        call.arg(self.max).arg(500_000);
        let reply: Vec<i64> = call.invoke(&mut self.client).unwrap();
        let [
            status,
            instances,
            in_flight,
            limit,
            median_limit,
            median_took,
            bound,
        ] = reply[..]
        else {
            panic!("{reply:?}");
        };
        Answer {
            status,
            instances,
            in_flight,
            limit,
            median_limit,
            median_took,
            bound: bound.try_into().unwrap(),
        }
    }

    pub(super) fn tell(&mut self, id: u32, told: Told) -> Answer {
        self.calls += 1;
        let answer = self.call(id, self.calls, LIFE, told);
        assert_eq!(answer.status, 1);
        answer
    }

    /// An instance with this limit, whose requests take `took`.
    fn limit(&mut self, id: u32, limit: u32, took: u32) -> Answer {
        let told = Told {
            in_flight: limit / 2,
            limit,
            took,
            held: limit,
            want: limit + 4,
        };
        self.tell(id, told)
    }

    /// Lets each instance hold its bound and want so much, a second later.
    fn round(&mut self, bounds: &mut [u32], wants: &[u32]) {
        self.now += 1_000_000;
        for (id, (bound, want)) in bounds.iter_mut().zip(wants).enumerate() {
            let told = Told {
                held: *bound,
                want: *want,
                ..Told::default()
            };
            *bound = self.tell(id as u32, told).bound;
        }
    }

    /// Plays rounds until the fleet has been there for a life, and some more.
    fn rounds(&mut self, bounds: &mut [u32], wants: &[u32]) {
        (0..9).for_each(|_| self.round(bounds, wants));
    }
}

#[test]
fn a_newcomer_learns_the_median_of_those_that_have_learned() {
    let server = Server::start();
    let mut fleet = Fleet::new(&server, 0);
    assert_eq!(fleet.limit(0, 20, 0).median_limit, 0);
    for (id, limit) in [(1, 60), (2, 100), (3, 90), (4, 50)] {
        fleet.limit(id, limit, limit * 10);
    }
    let answer = fleet.limit(5, 20, 0);
    let expected = Answer {
        status: 1,
        instances: 6,
        in_flight: 170,
        limit: 340,
        median_limit: 75,
        median_took: 750,
        bound: 0,
    };
    assert_eq!(answer, expected);
    fleet.limit(5, 80, 800);
    assert_eq!(fleet.limit(6, 20, 0).median_limit, 80);
}

#[test]
fn an_instance_counts_for_its_life_and_not_longer() {
    let server = Server::start();
    let mut fleet = Fleet::new(&server, 0);
    fleet.limit(1, 60, 10);
    fleet.now += LIFE - 1;
    assert_eq!(fleet.limit(2, 20, 0).median_limit, 60);
    fleet.now += 1;
    let answer = fleet.limit(3, 20, 0);
    assert_eq!((answer.instances, answer.median_limit), (2, 0));
    let fields: Vec<String> = fleet.client.hkeys("fleet").unwrap();
    assert_eq!(fields.len(), 3, "{fields:?}");
}

#[test]
fn an_instance_that_leaves_is_gone_at_once() {
    let server = Server::start();
    let mut fleet = Fleet::new(&server, 0);
    fleet.limit(1, 60, 10);
    fleet.call(1, 99, 0, Told::default());
    assert_eq!(fleet.limit(2, 20, 0).instances, 1);
}

#[test]
fn a_call_that_was_overtaken_changes_nothing() {
    let server = Server::start();
    let mut fleet = Fleet::new(&server, 0);
    fleet.limit(1, 60, 10);
    let before: Vec<String> = fleet.client.hvals("fleet").unwrap();
    assert_eq!(fleet.call(1, 1, LIFE, Told::default()).status, 0);
    assert_eq!(fleet.call(1, 0, 0, Told::default()).status, 0);
    let after: Vec<String> = fleet.client.hvals("fleet").unwrap();
    assert_eq!(before, after);
}

#[test]
fn a_value_that_cannot_be_read_is_forgotten_and_a_foreign_key_left_alone() {
    let server = Server::start();
    let mut fleet = Fleet::new(&server, 0);
    let fields = [("1", "60 later"), ("sum", "?")];
    let _: () = fleet.client.hset_multiple("fleet", &fields).unwrap();
    assert_eq!(fleet.limit(2, 60, 10).instances, 1);
    let _: () = fleet.client.set("fleet", "mine").unwrap();
    assert_eq!(fleet.call(2, 9, LIFE, Told::default()).status, -1);
    let kept: String = fleet.client.get("fleet").unwrap();
    assert_eq!(kept, "mine");
}

#[test]
fn instances_that_want_everything_get_the_same() {
    let server = Server::start();
    let mut fleet = Fleet::new(&server, 100);
    let mut bounds = [0; 3];
    fleet.rounds(&mut bounds, &[200; 3]);
    assert_eq!(bounds, [33; 3]);
}

#[test]
fn what_some_do_not_want_is_left_to_others() {
    let server = Server::start();
    let mut fleet = Fleet::new(&server, 100);
    let mut bounds = [0; 4];
    fleet.rounds(&mut bounds, &[10, 200, 14, 200]);
    assert_eq!(bounds, [10, 38, 14, 38]);
    fleet.rounds(&mut bounds, &[10, 20, 14, 20]);
    assert_eq!(bounds, [19, 29, 23, 29], "an equal part of the rest");
}

#[test]
fn a_newcomer_gets_its_share_in_three_rounds() {
    let server = Server::start();
    let mut fleet = Fleet::new(&server, 90);
    let mut bounds = [0; 3];
    fleet.rounds(&mut bounds[..2], &[200; 2]);
    assert_eq!(bounds, [45, 45, 0]);
    fleet.round(&mut bounds, &[200; 3]);
    assert_eq!(bounds[2], 1);
    fleet.round(&mut bounds, &[200; 3]);
    fleet.round(&mut bounds, &[200; 3]);
    assert_eq!(bounds, [30; 3]);
}

#[test]
fn a_new_fleet_keeps_to_its_limits_for_a_life() {
    let server = Server::start();
    let mut fleet = Fleet::new(&server, 90);
    let told = Told {
        limit: 20,
        want: 200,
        ..Told::default()
    };
    assert_eq!(fleet.tell(1, told).bound, 20);
    let held = Told { held: 20, ..told };
    fleet.now += LIFE - 1;
    assert_eq!(fleet.tell(1, held).bound, 20);
    fleet.now += 1_000_000;
    assert_eq!(fleet.tell(1, held).bound, 90);
}

#[test]
fn a_server_that_lost_its_data_gives_nothing_away() {
    let server = Server::start();
    let mut fleet = Fleet::new(&server, 90);
    let mut bounds = [0; 2];
    fleet.rounds(&mut bounds, &[200; 2]);
    fleet.flush();
    fleet.round(&mut bounds[..1], &[200]);
    assert_eq!(bounds, [45, 45]);
    fleet.rounds(&mut bounds, &[200; 2]);
    assert_eq!(bounds, [45, 45]);
}

#[test]
fn the_smallest_maximum_is_in_force() {
    let server = Server::start();
    let mut fleet = Fleet::new(&server, 90);
    let mut bounds = [0; 2];
    fleet.rounds(&mut bounds, &[200; 2]);
    assert_eq!(bounds, [45, 45]);
    for _ in 0..9 {
        fleet.now += 1_000_000;
        for (id, max) in [(0, 40), (1, 90)] {
            fleet.max = max;
            let told = Told {
                held: bounds[id],
                want: 200,
                ..Told::default()
            };
            bounds[id] = fleet.tell(id as u32, told).bound;
        }
    }
    assert_eq!(bounds, [20, 20]);
}
