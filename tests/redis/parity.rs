//! Every rule and its twin in Lua, at the same instants: what is admitted, what
//! is said of it, and what is kept must be equal step by step.
//!
//! `SLUICEGATE_PARITY_STEPS` sets how many steps each rule takes, and
//! `SLUICEGATE_PARITY_SEED` where they begin.

use std::{env, time::Duration};

use redis::{Connection, Value};
use sluicegate::{
    clock::Tick,
    limit::{
        Cost, FixedWindow, LeakyBucket, Quota, Rule, Scripted, SlidingLog, SlidingWindow,
        TokenBucket, Verdict, Word,
        testing::{GivenBack, Log, Operation, ReplyReader, UndoRequest, batch, terms},
    },
};

use crate::{dice::Dice, server::Server};

/// How many steps a bucket lives for.
const SPAN: u64 = 40;

/// The longest patience of which the instant can be written down.
const PATIENT: Tick = 1 << 51;

/// Returns the value of a key on the server.
#[derive(Clone, Debug, Default, PartialEq)]
struct Held {
    text: Option<String>,
    list: Vec<[u64; 3]>,
    /// Whether the last entry was booked in advance.
    booked: bool,
}

impl Held {
    fn of(value: &Value) -> Self {
        let text = |value: &Value| match value {
            Value::BulkString(bytes) => String::from_utf8(bytes.clone()).unwrap(),
            other => panic!("not a text: {other:?}"),
        };
        let numbers = |line: String| {
            let line = line.trim_end_matches(" b").split(' ');
            let numbers: Vec<_> = line.map(|it| it.parse().unwrap()).collect();
            numbers.try_into().unwrap()
        };
        match value {
            Value::Array(list) => Self {
                text: None,
                list: list.iter().map(|it| numbers(text(it))).collect(),
                booked: list.last().is_some_and(|it| text(it).ends_with(" b")),
            },
            Value::Nil => Self::default(),
            other => Self {
                text: Some(text(other)),
                ..Self::default()
            },
        }
    }

    fn numbers(&self) -> Option<Vec<u64>> {
        let text = self.text.as_ref()?;
        Some(text.split(' ').map_while(|it| it.parse().ok()).collect())
    }
}

fn found<R: Scripted>(rule: &R, now: Tick, numbers: &[u64]) -> R::State {
    let numbers: Vec<_> = numbers.iter().map(|it| Value::Int(*it as i64)).collect();
    rule.read_state(now, &mut ReplyReader::of(&numbers))
        .unwrap()
}

fn sums(text: String) -> GivenBack {
    let numbers: Vec<_> = text.split(' ').map(|it| it.parse().unwrap()).collect();
    let [generation, refunds, credits] = numbers[..] else {
        panic!("{text}");
    };
    GivenBack {
        generation,
        refunds,
        credits,
    }
}

/// Something booked.
#[derive(Clone, Copy, Debug)]
struct Place {
    cost: Cost,
    at: Tick,
    mark: u64,
}

/// The charge of an admitted entry.
fn cost_of(entry: Operation) -> Option<Cost> {
    match entry {
        Operation::Check(cost) | Operation::Reserve(_, cost, _) => {
            Some(cost).filter(|cost| *cost > 0)
        }
        _ => None,
    }
}

/// The state of a rule's bucket, and the state without a reservation.
trait Twin: Scripted {
    fn kept(&self, held: &Held, now: Tick) -> Self::State;

    /// Gives back a booking that is yet to fall due, and answers how much that was.
    fn give_back(&self, state: &mut Self::State, held: &Held, now: Tick, place: Place) -> Cost;

    /// Writes what a clock that stepped back has left as what it counts as.
    fn settle(&self, state: &mut Self::State, held: &Held, now: Tick) {
        let _ = held;
        self.undo(state, now, 0, 0, 0);
    }

    fn read(key: &str) -> redis::Cmd {
        redis::Cmd::get(key)
    }

    /// Whether the rule knows as well as the script what a step back to this
    /// instant means.
    fn knows_step(&self, held: &Held, back: Tick) -> bool {
        let _ = (held, back);
        true
    }

    /// Whether the script notices at this instant that the clock stepped back. Then
    /// nothing is taken back.
    fn steps_back(&self, held: &Held, now: Tick) -> bool {
        held.numbers().is_some_and(|numbers| numbers[0] > now)
    }

    /// Whether it would be as far from whole as is counted if it cost so much
    /// more. The word knows what is beyond, and the script does not.
    fn is_furthest(&self, state: &Self::State, now: Tick, cost: Cost) -> bool {
        let _ = (state, now, cost);
        false
    }
}

fn bucket_is_furthest<R: Scripted>(rule: &R, state: &R::State, now: Tick, cost: Cost) -> bool {
    let terms = rule.lua_params();
    let (token, tick) = (terms[0], terms[1]);
    let units = rule.life(state, now).saturating_mul(tick);
    units.saturating_add(cost.saturating_mul(token)) >= (1 << 53) - tick
}

/// The script bounds what a bucket was in debt, and the word does not tell that.
fn bucket_knows_step(held: &Held, back: Tick) -> bool {
    match held.numbers().as_deref() {
        Some([at, ahead, token, _, size]) => *ahead <= size * token || back >= *at,
        _ => true,
    }
}

fn bucket_kept<R: Scripted<State = Word>>(rule: &R, held: &Held) -> Word {
    match held.numbers().as_deref() {
        None => Word::EMPTY,
        Some([at, ahead, ..]) => found(rule, *at, &[*ahead]),
        Some(_) => panic!("{held:?}"),
    }
}

/// Whether the clock stepped back, so far that the bucket counts as empty.
fn is_behind(held: &Held, now: Tick) -> bool {
    match held.numbers().as_deref() {
        Some([at, ahead, token, tick, size]) if at > &now && *ahead <= size * token => {
            let distance = u128::from(at - now) * u128::from(*tick) + u128::from(*ahead);
            distance > u128::from(size * token)
        }
        _ => false,
    }
}

fn bucket_settle<R: Scripted>(rule: &R, state: &mut R::State, held: &Held, now: Tick) {
    if is_behind(held, now) {
        rule.undo(state, now, 0, 0, 0);
    }
}

/// Only if no entry came later.
fn last_given_back<R: Scripted>(
    rule: &R,
    state: &mut R::State,
    held: &Held,
    now: Tick,
    place: Place,
) -> Cost {
    if is_behind(held, now) || rule.mark(state, place.at) != place.mark {
        bucket_settle(rule, state, held, now);
        return 0;
    }
    rule.credit(state, now, place.cost);
    place.cost
}

fn window_kept<R: Scripted<State = Word>>(rule: &R, held: &Held) -> Word {
    match held.numbers().as_deref() {
        None => Word::EMPTY,
        Some([index, previous, current, width]) => {
            let text = held.text.as_deref().unwrap_or_default();
            let is_booked = text.ends_with(char::is_uppercase);
            // Seen from before its window, it is one that was booked.
            let now = if is_booked { 0 } else { index * width };
            found(rule, now, &[*index, *previous, *current])
        }
        Some(_) => panic!("{held:?}"),
    }
}

/// Whether the counts are too far ahead for a window that was not booked.
fn window_steps_back(held: &Held, now: Tick) -> bool {
    let text = held.text.as_deref().unwrap_or_default();
    let is_ahead = |numbers: Vec<u64>| numbers[0] >= now / numbers[3] + 2;
    held.numbers().is_some_and(is_ahead) && !text.ends_with(char::is_uppercase)
}

impl Twin for TokenBucket {
    fn kept(&self, held: &Held, _: Tick) -> Word {
        bucket_kept(self, held)
    }

    fn give_back(&self, state: &mut Word, held: &Held, now: Tick, place: Place) -> Cost {
        last_given_back(self, state, held, now, place)
    }

    fn settle(&self, state: &mut Word, held: &Held, now: Tick) {
        bucket_settle(self, state, held, now);
    }

    fn is_furthest(&self, state: &Word, now: Tick, cost: Cost) -> bool {
        bucket_is_furthest(self, state, now, cost)
    }

    fn knows_step(&self, held: &Held, back: Tick) -> bool {
        bucket_knows_step(held, back)
    }
}

impl Twin for LeakyBucket {
    fn kept(&self, held: &Held, _: Tick) -> Word {
        bucket_kept(self, held)
    }

    fn give_back(&self, state: &mut Word, held: &Held, now: Tick, place: Place) -> Cost {
        last_given_back(self, state, held, now, place)
    }

    fn settle(&self, state: &mut Word, held: &Held, now: Tick) {
        bucket_settle(self, state, held, now);
    }

    fn is_furthest(&self, state: &Word, now: Tick, cost: Cost) -> bool {
        bucket_is_furthest(self, state, now, cost)
    }

    fn knows_step(&self, held: &Held, back: Tick) -> bool {
        bucket_knows_step(held, back)
    }
}

impl Twin for FixedWindow {
    fn kept(&self, held: &Held, _: Tick) -> Word {
        window_kept(self, held)
    }

    /// Only while its window is the one that is counted.
    fn give_back(&self, state: &mut Word, _: &Held, now: Tick, place: Place) -> Cost {
        self.undo(state, now, place.cost, place.at, place.mark)
    }

    fn steps_back(&self, held: &Held, now: Tick) -> bool {
        window_steps_back(held, now)
    }
}

impl Twin for SlidingWindow {
    fn kept(&self, held: &Held, _: Tick) -> Word {
        window_kept(self, held)
    }

    /// Only while its window is the one that is counted.
    fn give_back(&self, state: &mut Word, _: &Held, now: Tick, place: Place) -> Cost {
        self.undo(state, now, place.cost, place.at, place.mark)
    }

    fn steps_back(&self, held: &Held, now: Tick) -> bool {
        window_steps_back(held, now)
    }
}

/// The log of these entries, without the dead.
fn log_of(rule: &SlidingLog, held: &Held, now: Tick) -> Log {
    let (width, entries) = (rule.quota().period().as_micros() as u64, &held.list);
    let alive = entries.iter().filter(|[at, ..]| at + width > now);
    let pairs: Vec<_> = alive.flat_map(|[at, cost, _]| [*at, *cost]).collect();
    let used = pairs.chunks(2).map(|pair| pair[1]).sum();
    let numbers = [&[used, pairs.len() as u64 / 2], &pairs[..]].concat();
    // Seen from before its last entry, that was booked.
    let last = entries.last().map_or(0, |[at, ..]| *at);
    let seen = if held.booked { 0 } else { last };
    found(rule, seen, &numbers)
}

impl Twin for SlidingLog {
    fn kept(&self, held: &Held, now: Tick) -> Log {
        for pair in held.list.windows(2) {
            let [[before, _, from], [at, cost, to]] = pair else {
                unreachable!("windows of two")
            };
            assert!(before < at && (from + cost) % (1 << 53) == *to, "{held:?}");
        }
        log_of(self, held, now)
    }

    fn steps_back(&self, held: &Held, now: Tick) -> bool {
        held.list.last().is_some_and(|[at, ..]| *at > now) && !held.booked
    }

    fn give_back(&self, state: &mut Log, held: &Held, now: Tick, place: Place) -> Cost {
        let _ = held;
        self.undo(state, now, place.cost, place.at, place.mark)
    }

    fn read(key: &str) -> redis::Cmd {
        redis::Cmd::lrange(key, 0, -1)
    }
}

fn quota(dice: &mut Dice, amounts: &[u64]) -> Option<Quota> {
    let few = 1 + dice.upto(4_999);
    let amount = dice.one_of(amounts);
    let amount = dice.one_of(&[few, amount, amount]);
    let odd = 1 + dice.upto(5_000_000);
    let period = dice.one_of(&[
        1_000_000,
        3_000_000,
        60_000_000,
        86_400_000_000,
        odd,
        odd,
        1,
    ]);
    let period = dice.rarely(1 << 51).unwrap_or(period);
    let (small, large) = (1 + dice.upto(9), 1 + dice.upto(3_000));
    let burst = dice.one_of(&[amount, small, small, large, 1 << 40]);
    let quota = Quota::new(amount, Duration::from_micros(period)).ok()?;
    quota.try_burst(burst).ok()
}

/// Rates that divide a microsecond and rates that do not, small and large.
const RATES: [u64; 10] = [
    1,
    3,
    7,
    10,
    100,
    999_983,
    2_097_169,
    50_000_000,
    1 << 40,
    (1 << 51) - 1,
];

/// Limits that words are divided for, and the largest.
const LIMITS: [u64; 8] = [1, 2, 10, 100, 4_095, 999_983, (1 << 26) - 1, 1 << 51];

const LOGGED: [u64; 6] = [1, 2, 10, 30, 1_000, 65_536];

/// One bucket in its life.
struct Life<'a, R: Twin> {
    rule: R,
    key: String,
    state: R::State,
    now: Tick,
    /// When the state was written.
    written: Tick,
    held: Held,
    /// What the script has counted.
    given_back: GivenBack,
    /// Whether the last call noticed that the clock stepped back.
    is_void: bool,
    places: Vec<Place>,
    /// The charge.
    charges: Vec<Place>,
    retry: Option<Tick>,
    dice: &'a mut Dice,
}

impl<R: Twin> Life<'_, R> {
    fn size(&self) -> u64 {
        let mut never_seen = R::State::default();
        self.rule.decide(&mut never_seen, self.now, 0).limit()
    }

    fn cost(&mut self) -> Cost {
        let size = self.size();
        let (few, some) = (self.dice.upto(5), self.dice.upto(size));
        let cost = self
            .dice
            .one_of(&[0, 1, 1, 1, few, few, some, size, size + 1]);
        let huge = self
            .dice
            .one_of(&[1 << 52, u64::MAX, 1 << 51, size.saturating_mul(2)]);
        self.dice.rarely(huge).unwrap_or(cost)
    }

    /// Ticks until a window begins, or an entry of a log has left it.
    fn edge(&mut self, period: Tick) -> Tick {
        let entries = self.held.list.len() as u64;
        match self.held.list.get(self.dice.upto(entries) as usize) {
            Some([at, ..]) => (at + period).saturating_sub(self.now),
            None => period - self.now % period,
        }
    }

    fn span(&mut self) -> Tick {
        let quota = self.rule.quota();
        let period = quota.period().as_micros() as u64;
        let interval = period / quota.amount() + 1;
        let long = interval.saturating_mul(self.size().min(50));
        let (a, b, c) = (
            self.dice.upto(interval),
            self.dice.upto(long),
            self.dice.upto(period),
        );
        let far = period.saturating_mul(self.dice.upto(4)).min(PATIENT);
        let retry = self.retry.unwrap_or(1).clamp(1, PATIENT);
        let (few, edge) = (self.dice.upto(3), self.edge(period));
        let spans = [
            0,
            0,
            few,
            a,
            a,
            b,
            b,
            c,
            interval,
            edge,
            retry,
            retry - 1,
            far,
        ];
        self.dice.one_of(&spans)
    }

    fn advance(&mut self) {
        let span = self.span();
        let back = self.now.saturating_sub(span.min(1 << 44));
        self.now = match self.dice.upto(11) {
            0 if !self.rule.is_furthest(&self.state, back, 0)
                && self.rule.knows_step(&self.held, back) =>
            {
                back
            }
            _ => (self.now + span).min(1 << 51),
        };
    }

    /// As if nothing had been given back since; see the tests of holds.
    fn undo(&self, Place { cost, at, mark }: Place) -> UndoRequest {
        let given_back = self.given_back;
        UndoRequest {
            cost,
            at,
            mark,
            given_back,
        }
    }

    fn entry(&mut self) -> Operation {
        let cost = self.cost();
        match self.dice.upto(21) {
            0..8 => Operation::Check(cost),
            8..13 => {
                let many = self.dice.one_of(&[1, 1, 1, 2, 3, 8]);
                let patience = self.span();
                let patience = self.dice.one_of(&[0, patience, patience, PATIENT]);
                let patience = self.dice.rarely(Tick::MAX).unwrap_or(patience);
                if self.rule.queues() {
                    return Operation::Reserve(many, cost, patience);
                }
                let costs = many.saturating_mul(cost);
                let booked = !self.rule.is_furthest(&self.state, self.now, costs);
                Operation::Reserve(many, cost, if booked { patience } else { 0 })
            }
            13 | 14 => Operation::UpTo(cost),
            15 => Operation::Credit(cost),
            16 => Operation::Debit(cost),
            17 => self
                .dice
                .rarely(Operation::Reset)
                .unwrap_or(Operation::Check(cost)),
            18 | 19 => match self.charges.last() {
                Some(_) => {
                    // Most often one of the last.
                    let among = self.charges.len().min(4) as u64;
                    let any = self.charges.len() - 1 - self.dice.upto(among - 1) as usize;
                    let charge = self.charges.swap_remove(any);
                    Operation::Undo(self.undo(charge))
                }
                None => Operation::Check(cost),
            },
            _ => match self.places.last() {
                Some(_) => {
                    let any = self.dice.upto(self.places.len() as u64 - 1) as usize;
                    let place = self.places[any];
                    Operation::GiveBack(self.undo(place))
                }
                None => Operation::Check(cost),
            },
        }
    }

    /// Returns how much of an entry the rule counts. The decisions must match
    /// those that are replayed from the state that the script found.
    fn play(&mut self, entry: Operation, count: u64, mut found: R::State) -> u64 {
        let (rule, now) = (self.rule.clone(), self.now);
        let mut decide = |life: &mut Self| {
            let decision = entry.replay(&rule, &mut life.state, now).1;
            let replayed = entry.replay(&rule, &mut found, now).1;
            assert_eq!(decision, replayed, "as replayed");
            life.retry = decision
                .retry_after()
                .map(|retry| retry.as_micros() as Tick);
            let wait = match decision.verdict() {
                Verdict::Queue(wait) => Some(wait.as_micros() as Tick),
                Verdict::Admit => Some(0),
                Verdict::Deny => None,
            };
            if let Some((wait, cost)) = wait.zip(cost_of(entry)) {
                let at = now + wait;
                let mark = rule.mark(&life.state, at);
                let place = Place { cost, at, mark };
                life.charges.push(place);
                if wait > 0 && matches!(entry, Operation::Reserve(..)) {
                    life.places.push(place);
                }
            }
            decision
        };
        match entry {
            Operation::Check(_) => u64::from(decide(self).is_admitted()),
            Operation::Reserve(many, ..) => (0..many)
                .position(|_| decide(self).is_denied())
                .map_or(many, |admitted| admitted as u64),
            Operation::UpTo(cost) => {
                let mut state = self.state.clone();
                let left = rule.decide(&mut state, now, 0).remaining().min(cost);
                if decide(self).is_admitted() { left } else { 0 }
            }
            Operation::Credit(cost) => {
                rule.credit(&mut self.state, now, cost.min(1 << 52));
                1
            }
            Operation::Debit(cost) => {
                rule.debit(&mut self.state, now, cost.min(1 << 52));
                1
            }
            Operation::Reset => {
                self.state = R::State::default();
                1
            }
            Operation::GiveBack(..) if count > 1 << 52 => unreachable!("more than was ever sent"),
            // Nothing that was charged before a step back can be taken back.
            Operation::Undo(_) | Operation::GiveBack(_) if self.is_void => {
                rule.settle(&mut self.state, &self.held, now);
                0
            }
            Operation::Undo(undo) if undo.at <= now => {
                rule.undo(&mut self.state, now, undo.cost, undo.at, undo.mark)
            }
            Operation::GiveBack(undo) if undo.at <= now => {
                rule.settle(&mut self.state, &self.held, now);
                0
            }
            Operation::Undo(undo) | Operation::GiveBack(undo) => {
                let UndoRequest { cost, at, mark, .. } = undo;
                let place = Place { cost, at, mark };
                rule.give_back(&mut self.state, &self.held, now, place)
            }
            Operation::Lease(..) | Operation::Return(..) => unreachable!("see the tests of leases"),
            Operation::Hold(_) | Operation::Settle(..) | Operation::Take(..) => {
                unreachable!("see the tests of holds")
            }
        }
    }

    fn step(&mut self, server: &mut Connection) -> bool {
        self.advance();
        if !self.is_readable() {
            return false;
        }
        let entry = self.entry();
        let seen = format!(
            "{:?} {} {entry:?} {:?} {:?}",
            self.rule, self.now, self.state, self.held
        );
        // A log forgets what is dead even when it denies; the server does not.
        // So if the clock steps back, the server still knows it.
        if !self.held.list.is_empty() {
            self.state = self.rule.kept(&self.held, self.now);
        }
        // At every other instant the script may do it without the rule.
        let shortcut = self.now.is_multiple_of(2).then_some(&self.rule);
        let has_shortcut = shortcut.is_some_and(|rule| rule.first_charge(1).is_some());
        let call = batch::<R>(
            &terms(&self.rule),
            Some(self.now),
            shortcut,
            [(self.key.as_bytes(), entry)].into_iter(),
        );
        let call = R::script().call_with_source(&call);
        let call = match self.now % 3 {
            0 => as_before_redis_7(&call),
            _ => call,
        };
        let (reply, held, given_back, expiry): (_, Value, Option<String>, i64) = redis::pipe()
            .add_command(call)
            .add_command(R::read(&self.key))
            .get(format!("{}g", self.key))
            .pttl(&self.key)
            .query(server)
            .unwrap_or_else(|error| panic!("{error} after {seen}"));
        let held = Held::of(&held);
        assert!(
            expiry > 0 || held == Held::default(),
            "no expiry after {seen}"
        );
        let reply: Vec<Value> = reply;
        self.is_void = self.rule.steps_back(&self.held, self.now);
        self.given_back = given_back.map(sums).unwrap_or_default();
        if held != self.held {
            self.written = self.now;
        }
        let mut reply = ReplyReader::of(&reply);
        assert_eq!(reply.take(), Some(self.now));
        let is_left_out = has_shortcut && reply.place().is_none();
        let (count, found) = match entry {
            Operation::Reserve(many, ..) if is_left_out => (many, R::State::default()),
            _ if is_left_out => (1, R::State::default()),
            _ => entry.read(&self.rule, self.now, &mut reply).expect(&seen),
        };
        assert_eq!(reply.take(), None, "nothing is left after {seen}");
        let played = self.play(entry, count, found);
        assert_eq!(count, played, "counted after {seen}");
        self.held = held;
        let kept = self.rule.kept(&self.held, self.now);
        assert_eq!(
            format!("{kept:?}"),
            format!("{:?}", self.state),
            "kept after {seen}"
        );
        true
    }

    /// Words wrap: what was written too long ago cannot be read.
    fn is_readable(&self) -> bool {
        self.now.abs_diff(self.written) < self.rule.lifetime() / 2
    }
}

/// Returns the call as a server runs it that does not tell its version.
fn as_before_redis_7(call: &redis::Cmd) -> redis::Cmd {
    let mut older = redis::cmd("EVAL");
    for (nth, arg) in call.args_iter().enumerate().skip(1) {
        match arg {
            redis::Arg::Simple(source) if nth == 1 => {
                let hidden = b"local redis = { call = redis.call, pcall = redis.pcall }\n";
                older.arg([hidden, source].concat());
            }
            redis::Arg::Simple(arg) => drop(older.arg(arg)),
            other => panic!("{other:?}"),
        }
    }
    older
}

fn number(name: &str) -> Option<u64> {
    let value = env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name} is no number")),
    )
}

/// Says how to see a failure again.
struct Blame {
    seed: u64,
    life: u64,
}

impl Drop for Blame {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { seed, life } = self;
            eprintln!("in life {life} of SLUICEGATE_PARITY_SEED={seed}");
        }
    }
}

/// Lives of many buckets, each of a quota of its own.
fn run<R: Twin>(make: impl Fn(&mut Dice) -> Option<R>) {
    let server = Server::start();
    let mut client = server.client();
    let steps = number("SLUICEGATE_PARITY_STEPS").unwrap_or(3_000);
    let seed = number("SLUICEGATE_PARITY_SEED").unwrap_or(1);
    let (mut taken, mut life) = (0, 0);
    while taken < steps {
        life += 1;
        let dice = &mut Dice(seed << 32 | life);
        if let Some(rule) = make(dice) {
            let _blame = Blame { seed, life };
            taken += live(rule, life, dice, &mut client);
        }
    }
}

/// Steps through one life, and answers how many steps that were.
fn live<R: Twin>(rule: R, life: u64, dice: &mut Dice, client: &mut Connection) -> u64 {
    let now = (1 << 50) + dice.upto(1 << 49);
    let mut life = Life {
        rule,
        key: format!("life {life}"),
        state: R::State::default(),
        now,
        written: now,
        given_back: GivenBack::default(),
        is_void: false,
        held: Held::default(),
        places: Vec::new(),
        charges: Vec::new(),
        retry: None,
        dice,
    };
    (0..SPAN).take_while(|_| life.step(client)).count() as u64
}

#[test]
fn a_token_bucket_is_its_twin() {
    run(|dice| Some(TokenBucket::new(quota(dice, &RATES)?)));
}

#[test]
fn a_leaky_bucket_is_its_twin() {
    run(|dice| Some(LeakyBucket::new(quota(dice, &RATES)?)));
}

#[test]
fn a_meter_is_its_twin() {
    run(|dice| Some(LeakyBucket::meter(quota(dice, &RATES)?)));
}

#[test]
fn a_fixed_window_is_its_twin() {
    run(|dice| Some(FixedWindow::new(quota(dice, &LIMITS)?)));
}

#[test]
fn a_sliding_window_is_its_twin() {
    run(|dice| SlidingWindow::try_new(quota(dice, &LIMITS)?).ok());
}

#[test]
fn a_sliding_log_is_its_twin() {
    run(|dice| SlidingLog::try_new(quota(dice, &LOGGED)?).ok());
}
