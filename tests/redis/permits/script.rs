//! The script of permits, on a real server, against its twin.

use std::cell::Cell;

use proptest::{
    collection::vec,
    prelude::{Strategy, any, prop_oneof},
    test_runner::{Config, TestRunner},
};
use redis::{Commands, Script};
use sluicegate::clock::Tick;

use super::twin::{Reply, Sync, Twin};
use crate::server::Server;

const NOW: Tick = 1_700_000_000_000_000;

const SECOND: Tick = 1_000_000;

fn script() -> Script {
    Script::new(concat!(
        include_str!("../../../lua/clock.lua"),
        include_str!("../../../lua/prelude.lua"),
        include_str!("../../../lua/records.lua"),
        include_str!("../../../lua/permits_ledger.lua"),
        include_str!("../../../lua/permits.lua"),
    ))
}

/// A limit on a server, under a clock that the test sets.
struct Limit {
    client: redis::Connection,
    script: Script,
    key: String,
    now: Tick,
    /// The number of the last call.
    calls: u64,
}

impl Limit {
    fn new(server: &Server, key: &str) -> Self {
        Self {
            client: server.client(),
            script: script(),
            key: key.into(),
            now: NOW,
            calls: 0,
        }
    }

    fn call(&mut self, sync: &Sync) -> Reply {
        let mut call = self.script.key(&self.key);
        call.arg(self.now).arg(format!("i{}", sync.instance));
        call.arg(sync.limit).arg(sync.length).arg("");
        call.arg(sync.call).arg(sync.held);
        let reply: Vec<i64> = call.arg(sync.want).invoke(&mut self.client).unwrap();
        let [status, count, target, limit, out, wait] = reply[..] else {
            panic!("{reply:?}");
        };
        assert_eq!(wait, 0, "no server was restarted");
        Reply {
            status,
            count: count as u64,
            target: target as u64,
            limit: limit as u64,
            out: out as u64,
        }
    }

    /// An instance wants so many permits of so many, and may use some.
    fn sync(&mut self, instance: u8, limit: u64, held: u64, want: u64) -> Reply {
        self.calls += 1;
        self.call(&Sync {
            instance,
            limit,
            length: 2 * SECOND,
            call: self.calls,
            held,
            want,
        })
    }

    fn want(&mut self, instance: u8, want: u64) -> u64 {
        self.sync(instance, 10, 0, want).count
    }
}

#[test]
fn permits_go_out_up_to_the_limit_and_come_back() {
    let server = Server::start();
    let mut limit = Limit::new(&server, "k");
    assert_eq!([limit.want(1, 6), limit.want(2, 6)], [6, 4]);
    assert_eq!(limit.want(1, 2), 2);
    assert_eq!(limit.want(2, 6), 6);
    assert_eq!([limit.want(1, 0), limit.want(2, 0)], [0, 0]);
    assert_eq!(limit.want(3, 99), 10);
}

#[test]
fn a_lease_that_lapsed_comes_back_only_if_there_is_room() {
    let server = Server::start();
    let mut limit = Limit::new(&server, "k");
    assert_eq!(limit.want(1, 7), 7);
    limit.now += 2 * SECOND - 1;
    assert_eq!(limit.want(2, 10), 3);
    limit.now += 1;
    assert_eq!(limit.want(2, 8), 8);
    // It still has 7 requests under way.
    assert_eq!(limit.sync(1, 10, 7, 7).count, 2);
}

#[test]
fn a_call_that_comes_twice_or_late_changes_nothing() {
    let server = Server::start();
    let mut limit = Limit::new(&server, "k");
    let sync = |call, want| Sync {
        instance: 1,
        limit: 10,
        length: SECOND,
        call,
        held: 0,
        want,
    };
    assert_eq!(limit.call(&sync(1, 2)).count, 2);
    assert_eq!(limit.call(&sync(3, 8)).count, 8);
    for late in [sync(2, 4), sync(3, 8), sync(1, 2)] {
        let reply = limit.call(&late);
        assert_eq!((reply.status, reply.count, reply.out), (0, 8, 8));
    }
    limit.now += SECOND;
    assert_eq!(limit.want(2, 10), 10, "none of them made the lease longer");
}

#[test]
fn a_lower_limit_takes_nothing_that_is_in_use() {
    let server = Server::start();
    let mut limit = Limit::new(&server, "k");
    assert_eq!(limit.sync(1, 10, 0, 9).count, 9);
    assert_eq!(limit.sync(2, 4, 0, 0).count, 0);
    let reply = limit.sync(1, 10, 5, 9);
    assert_eq!((reply.count, reply.target), (5, 4), "4 is in force for all");
    assert_eq!(limit.sync(1, 10, 2, 9).count, 4);
    // Nobody with the lower limit has called for a length.
    limit.now += 2 * SECOND;
    assert_eq!(limit.sync(1, 10, 2, 9).count, 9);
}

#[test]
fn instances_that_lack_permits_get_their_share() {
    let server = Server::start();
    let mut limit = Limit::new(&server, "k");
    assert_eq!(limit.want(1, 10), 10);
    assert_eq!(limit.want(2, 3), 0);
    let reply = limit.sync(1, 10, 10, 10);
    assert_eq!((reply.count, reply.target), (10, 7), "as much as they lack");
    assert_eq!(limit.want(3, 8), 0);
    let reply = limit.sync(1, 10, 10, 10);
    assert_eq!(
        (reply.count, reply.target),
        (10, 4),
        "no less than its share"
    );
    // It uses less, though it would like to have more.
    assert_eq!(limit.sync(1, 10, 4, 10).count, 4);
    assert_eq!([limit.want(3, 8), limit.want(2, 3)], [4, 2]);
}

#[test]
fn with_more_instances_than_permits_they_take_turns() {
    let server = Server::start();
    let mut limit = Limit::new(&server, "k");
    assert_eq!(limit.sync(1, 1, 1, 1).count, 1);
    for _ in 0..8 {
        assert_eq!(limit.sync(2, 1, 0, 1).count, 0);
        assert_eq!(limit.sync(1, 1, 1, 1).target, 1);
        limit.now += SECOND;
    }
    assert_eq!(limit.sync(1, 1, 1, 1).target, 0);
}

#[test]
fn after_a_step_back_a_lease_ends_within_its_length() {
    let server = Server::start();
    let mut limit = Limit::new(&server, "k");
    assert_eq!(limit.want(1, 10), 10);
    limit.now -= 3_600 * SECOND;
    assert_eq!(limit.want(2, 1), 0);
    limit.now += 2 * SECOND;
    assert_eq!(limit.want(2, 1), 1);
}

#[test]
fn a_key_that_holds_something_else_is_left_alone() {
    let server = Server::start();
    let mut client = server.client();
    let put = |client: &mut redis::Connection, command: &str, args: &[&str]| {
        let _: () = client.del("k").unwrap();
        let mut put = redis::cmd(command);
        put.arg("k").arg(args).query::<()>(client).unwrap();
    };
    let garbage: [(&str, &[&str]); 5] = [
        ("SET", &["3"]),
        ("HSET", &["other", "3"]),
        ("HSET", &["sum", "3 4"]),
        ("HSET", &["sum", "1 1 1 9 9 9 9 9 x"]),
        ("HSET", &["sum", "1 1 1 9 9 9 9 9 0", "i1", "many"]),
    ];
    for (command, args) in garbage {
        put(&mut client, command, args);
        let dump = |client: &mut redis::Connection| -> Vec<u8> {
            redis::cmd("DUMP").arg("k").query(client).unwrap()
        };
        let before = dump(&mut client);
        let mut limit = Limit::new(&server, "k");
        assert_eq!(limit.sync(1, 10, 0, 1).status, -1, "{command} {args:?}");
        assert_eq!(dump(&mut client), before);
    }
}

#[test]
fn a_key_goes_with_its_last_lease() {
    let server = Server::start();
    let mut limit = Limit::new(&server, "k");
    limit.want(1, 3);
    let life: u64 = limit.client.pttl("k").unwrap();
    // The hour is added where a test sets the clock.
    assert!((3_600_000..=3_602_000).contains(&life), "{life}");
}

/// Something that happens to a limit.
#[derive(Clone, Debug)]
enum Step {
    Call(Sync),
    /// The call before comes again, as it was.
    Again,
    Wait(Tick),
    /// The clock steps back.
    Back(Tick),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let numbers = (0..4_u8, 3..=5_u64, 1..=2_u64, 0..4_u64);
    let permits = (0..8_u64, 0..8_u64);
    let call = (numbers, permits).prop_map(|((instance, limit, length, delay), permits)| {
        let (held, want) = permits;
        Step::Call(Sync {
            instance,
            limit,
            length: length * SECOND,
            // Filled in by the play; the rest is how many calls it is late.
            call: delay,
            held,
            want,
        })
    });
    let step = prop_oneof![
        12 => call,
        1 => any::<bool>().prop_map(|_| Step::Again),
        4 => (0..3_u64).prop_map(|halves| Step::Wait(halves * SECOND / 2)),
        1 => (1..4_u64).prop_map(|seconds| Step::Back(seconds * SECOND)),
    ];
    vec(step, 1..60)
}

/// Plays the steps on the server and on the twin.
fn play(limit: &mut Limit, steps: &[Step]) {
    let (mut twin, mut last) = (Twin::default(), None);
    for step in steps {
        let sync = match step {
            Step::Wait(ticks) => {
                limit.now += ticks;
                continue;
            }
            Step::Back(ticks) => {
                limit.now -= ticks;
                continue;
            }
            Step::Again => last,
            Step::Call(sync) => {
                limit.calls += 4;
                let call = limit.calls + 3 - sync.call * 2;
                Some(Sync { call, ..*sync })
            }
        };
        let Some(sync) = sync else { continue };
        last = Some(sync);
        let before = twin.out();
        let expected = twin.sync(limit.now, &sync);
        assert_eq!(limit.call(&sync), expected, "{sync:?}");
        assert!(expected.out <= before.max(expected.limit), "{expected:?}");
    }
}

/// Found by the random histories: a stale call ends a lease, and the clock steps
/// back behind it.
#[test]
fn a_step_back_behind_a_stale_call_is_noticed() {
    let server = Server::start();
    let call = |instance, limit, length, want| {
        Step::Call(Sync {
            instance,
            limit,
            length: length * SECOND,
            call: 0,
            held: 0,
            want,
        })
    };
    play(
        &mut Limit::new(&server, "k"),
        &[
            call(0, 3, 1, 1),
            call(1, 3, 2, 1),
            Step::Wait(SECOND),
            Step::Again,
            Step::Back(SECOND),
            call(0, 4, 1, 0),
            Step::Wait(SECOND),
            call(0, 4, 1, 0),
        ],
    );
}

#[test]
fn the_script_does_what_its_twin_does() {
    let server = Server::start();
    let keys = Cell::new(0);
    let mut runner = TestRunner::new(Config::with_cases(400));
    let checked = runner.run(&steps(), |steps| {
        keys.set(keys.get() + 1);
        play(
            &mut Limit::new(&server, &format!("k{}", keys.get())),
            &steps,
        );
        Ok(())
    });
    checked.unwrap();
}
