//! The scripts of holds at instants that the test gives: whatever comes in
//! between, a bucket never has more left than if each hold had charged only what
//! it was settled for.

use proptest::{
    collection::vec,
    prelude::{Strategy, any, prop_oneof},
    test_runner::{Config, TestRunner},
};
use redis::{Connection, Value};
use sluicegate::{
    clock::Tick,
    limit::{
        Cost, FixedWindow, LeakyBucket, Quota, Scripted, SlidingLog, SlidingWindow, TokenBucket,
        testing::{GivenBack, HoldRecord, HoldRequest, Operation, ReplyReader, batch, terms},
    },
};

use crate::server::Server;

/// Late enough that no instant of a bucket lies before the epoch.
const START: Tick = 1_700_000_000_000_000;

/// Longer than a history.
const TERM: Tick = 3_600_000_000;

const KEY: &[u8] = b"k:t";

/// A step of a history. Holds are chosen by their index among those that are
/// open.
#[derive(Clone, Debug)]
enum Step {
    Wait(Tick),
    Check(Cost),
    Hold(Cost),
    Settle(usize, Cost),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => (0..30_000_u64).prop_map(Step::Wait),
        1 => (1..4_u64).prop_map(Step::Check),
        4 => (1..8_u64).prop_map(Step::Hold),
        1 => (any::<usize>(), 0..10_u64).prop_map(|(hold, actual)| Step::Settle(hold, actual)),
        3 => any::<usize>().prop_map(|hold| Step::Settle(hold, 0)),
    ];
    vec(step, 1..30)
}

struct Player<'a, R> {
    rule: &'a R,
    client: Connection,
    now: Tick,
    open: Vec<(usize, HoldRecord)>,
    /// What was charged, and when: holds as far as they are settled.
    ledger: Vec<(Tick, Cost)>,
    ids: u64,
}

impl<R: Scripted> Player<'_, R> {
    /// Performs one operation, and returns its count and the numbers behind its
    /// state.
    fn ask(&mut self, operation: Operation) -> (u64, Vec<u64>) {
        let call = batch::<R>(
            &terms(self.rule),
            Some(self.now),
            None,
            [(KEY, operation)].into_iter(),
        );
        let reply: Vec<Value> = R::script()
            .call_with_source(&call)
            .query(&mut self.client)
            .unwrap();
        let mut reader = ReplyReader::of(&reply);
        let now = reader.take().unwrap();
        let (count, _) = operation.read(self.rule, now, &mut reader).unwrap();
        (count, std::iter::from_fn(|| reader.take()).collect())
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Wait(ticks) => self.now += ticks,
            Step::Check(cost) => {
                if self.ask(Operation::Check(cost)).0 == 1 {
                    self.ledger.push((self.now, cost));
                }
            }
            Step::Hold(cost) => self.hold(cost),
            Step::Settle(hold, actual) if !self.open.is_empty() => {
                let (entry, record) = self.open.swap_remove(hold % self.open.len());
                let (was_open, _) = self.ask(Operation::Settle(record, actual));
                assert_eq!(was_open, 1);
                let charged = &mut self.ledger[entry].1;
                let over = actual.saturating_sub(*charged);
                *charged = actual.min(*charged);
                self.ledger.push((self.now, over));
            }
            Step::Settle(..) => {}
        }
    }

    fn hold(&mut self, cost: Cost) {
        self.ids += 1;
        let request = HoldRequest {
            cost,
            max_wait: 0,
            term: TERM,
            gives_back: true,
            id: self.ids,
        };
        let (held, numbers) = self.ask(Operation::Hold(request));
        let [at, mark, generation, refunds, credits, kept, lapsed] = numbers[..] else {
            panic!("{numbers:?}");
        };
        assert_eq!(lapsed, 0);
        if held == 1 {
            assert_eq!(kept, 1);
            let record = HoldRecord {
                request,
                at,
                mark,
                given_back: GivenBack {
                    generation,
                    refunds,
                    credits,
                },
            };
            self.open.push((self.ledger.len(), record));
            self.ledger.push((self.now, cost));
        }
    }

    fn remaining(&mut self) -> Cost {
        let call = sluicegate::limit::testing::ScriptCall::new(self.rule)
            .at(self.now)
            .operation(KEY, Operation::Check(0));
        let reply: Vec<Value> = call.command().query(&mut self.client).unwrap();
        let results = call.read(&reply).unwrap();
        results[0].1.unwrap().remaining()
    }

    /// What a bucket has left in which all of the ledger was charged.
    fn at_most(&self) -> Cost {
        let mut entries = self.ledger.clone();
        entries.sort_by_key(|(at, _)| *at);
        let mut state = R::State::default();
        for (at, cost) in entries {
            self.rule.debit(&mut state, at, cost);
        }
        self.rule.decide(&mut state, self.now, 0).remaining()
    }
}

fn keeps_the_law<R: Scripted>(make: fn(Quota) -> R) {
    let server = Server::start();
    let config = Config {
        cases: 256,
        failure_persistence: None,
        ..Config::default()
    };
    let quota = (10_u64..40, 10_000_u64..100_000).prop_map(|(amount, period)| {
        Quota::new(amount, std::time::Duration::from_micros(period)).unwrap()
    });
    let mut runner = TestRunner::new(config);
    let ran = runner.run(&(quota, steps()), |(quota, steps)| {
        let mut client = server.client();
        redis::cmd("FLUSHALL").exec(&mut client).unwrap();
        let mut player = Player {
            rule: &make(quota),
            client,
            now: START,
            open: Vec::new(),
            ledger: Vec::new(),
            ids: 0,
        };
        for step in &steps {
            player.step(step);
            let (is, at_most) = (player.remaining(), player.at_most());
            assert!(
                is <= at_most,
                "{is} left instead of {at_most} after {step:?}"
            );
        }
        Ok(())
    });
    ran.unwrap();
}

#[test]
fn of_a_token_bucket() {
    keeps_the_law(TokenBucket::new);
}

#[test]
fn of_a_meter() {
    keeps_the_law(LeakyBucket::meter);
}

#[test]
fn of_a_sliding_window() {
    keeps_the_law(SlidingWindow::new);
}

#[test]
fn of_a_fixed_window() {
    keeps_the_law(FixedWindow::new);
}

#[test]
fn of_a_sliding_log() {
    keeps_the_law(SlidingLog::new);
}
