//! A limiter asked directly: nothing is lost between threads, by churn, or by
//! time.

use std::{
    hash::Hash,
    sync::{
        Barrier,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use sluicegate::{
    clock::{Clock, Manual, Tick},
    limit::{
        Cost, Decision, Direct, FixedWindow, Keyed, LeakyBucket, Local, Quota, Rule, SlidingLog,
        SlidingWindow, TokenBucket,
    },
};

use crate::support::{a_few, direct, keyed, ms};

/// A limiter of this capacity, and its clock.
fn with_room_for<R: Rule>(capacity: usize, rule: R) -> (Local<R, Keyed, Manual>, Manual) {
    let clock = Manual::new();
    let builder = Local::builder(rule).capacity(capacity);
    (builder.clock(clock.clone()).keyed(), clock)
}

#[test]
fn text_is_one_key_however_it_is_held() {
    let limiter = keyed(a_few(5));
    assert_eq!(limiter.check("alice", 1).remaining(), 4);
    assert_eq!(limiter.check(&"alice", 1).remaining(), 3);
    assert_eq!(limiter.check(&String::from("alice"), 1).remaining(), 2);
    assert_eq!(limiter.peek(&Box::<str>::from("alice")).remaining(), 2);
    assert_eq!(limiter.peek("bob").remaining(), 5);
}

#[test]
fn a_credit_gives_back_and_never_more_than_a_whole_bucket() {
    let limiter = keyed(a_few(5));
    assert!(limiter.check("a", 5).is_admitted());
    limiter.credit("a", 2);
    assert_eq!(limiter.peek("a").remaining(), 2);
    limiter.credit("a", u64::MAX);
    assert_eq!(limiter.peek("a").remaining(), 5);
    limiter.credit("unseen", 3);
    assert_eq!(limiter.peek("unseen").remaining(), 5);

    let direct = direct(a_few(5));
    assert!(direct.check(4).is_admitted());
    direct.credit(3);
    assert_eq!(direct.peek().remaining(), 4);
}

#[test]
fn a_debit_takes_without_asking_and_leaves_a_debt_to_wait_out() {
    let clock = Manual::new();
    let limiter = Local::builder(a_few(5)).clock(clock.clone()).direct();
    limiter.debit(8);
    let minutes = |count: u64| Duration::from_secs(60 * count);
    assert_eq!(limiter.peek().remaining(), 0);
    assert_eq!(limiter.check(1).retry_after(), Some(minutes(4)));
    clock.advance(minutes(3));
    assert!(limiter.check(0).is_admitted() && limiter.check(1).is_denied());
    clock.advance(minutes(1));
    assert!(limiter.check(1).is_admitted() && limiter.check(1).is_denied());
}

#[test]
fn a_window_remembers_a_debt_of_its_limit() {
    let clock = Manual::new();
    let rule = SlidingWindow::new(Quota::per_second(10));
    let limiter = Local::builder(rule).clock(clock.clone()).keyed();
    limiter.debit("a", 20);
    clock.advance(ms(1_499));
    assert!(limiter.check("a", 1).is_denied());
    clock.advance(ms(51));
    assert!(limiter.check("a", 1).is_admitted());
}

#[test]
fn a_reset_makes_one_bucket_whole_and_leaves_the_others() {
    let limiter = keyed(a_few(3));
    limiter.debit("a", 100);
    limiter.check("b", 3);
    limiter.reset("a");
    assert!(limiter.check("a", 3).is_admitted());
    assert!(limiter.check("b", 1).is_denied());
    let direct = direct(a_few(3));
    direct.check(3);
    direct.reset();
    assert!(direct.check(3).is_admitted());
}

#[test]
fn a_peek_takes_nothing_and_needs_no_room() {
    let (limiter, _) = with_room_for(1, a_few(2));
    for key in 0..1_000 {
        assert_eq!(limiter.peek(&key).remaining(), 2);
        assert!(limiter.check(&key, 0).is_admitted());
    }
    assert_eq!(limiter.forgotten(), 0);
}

#[test]
fn check_up_to_takes_as_much_as_there_is() {
    let limiter = keyed(a_few(5));
    let (taken, decision) = limiter.check_up_to("a", 3);
    assert_eq!((taken, decision.remaining()), (3, 2));
    let (taken, decision) = limiter.check_up_to("a", 3);
    assert!(decision.is_admitted());
    assert_eq!((taken, decision.remaining()), (2, 0));
    let (taken, decision) = limiter.check_up_to("a", 3);
    assert!(decision.is_denied());
    assert_eq!((taken, decision.retry_after()), (0, Some(ms(60_000))));
    let (taken, decision) = direct(a_few(5)).check_up_to(100);
    assert_eq!((taken, decision.is_admitted()), (5, true));
    let (taken, decision) = direct(a_few(5)).check_up_to(0);
    assert_eq!(
        (taken, decision.is_admitted(), decision.remaining()),
        (0, true, 5)
    );
}

#[test]
fn clones_share_their_buckets() {
    let limiter = keyed(a_few(2));
    assert!(limiter.clone().check("a", 2).is_admitted());
    assert!(limiter.check("a", 1).is_denied());
}

/// How much `THREADS` threads get that all begin at once.
fn admitted_to_all(hammer: impl Fn(u64) -> u64 + Sync) -> u64 {
    let barrier = Barrier::new(THREADS as usize);
    let admitted = AtomicU64::new(0);
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (barrier, admitted, hammer) = (&barrier, &admitted, &hammer);
            scope.spawn(move || {
                barrier.wait();
                admitted.fetch_add(hammer(number), Relaxed);
            });
        }
    });
    admitted.into_inner()
}

const THREADS: u64 = 4;

fn count(decisions: impl Iterator<Item = Decision>) -> u64 {
    decisions.filter(Decision::is_admitted).count() as u64
}

#[test]
fn threads_on_one_key_get_exactly_the_limit() {
    one_key(TokenBucket::new(Quota::per_second(1).burst(12_345)));
    one_key(LeakyBucket::meter(Quota::per_second(1).burst(12_345)));
    one_key(SlidingWindow::new(Quota::per_minute(12_345)));
    one_key(SlidingLog::new(Quota::per_minute(12_345)));
}

fn one_key<R: Rule>(rule: R) {
    let (with_keys, without) = (keyed(rule.clone()), direct(rule));
    let admitted = admitted_to_all(|_| count((0..5_000).map(|_| with_keys.check("one", 1))));
    assert_eq!(admitted, 12_345, "{with_keys:?}");
    let admitted = admitted_to_all(|_| count((0..5_000).map(|_| without.check(1))));
    assert_eq!(admitted, 12_345, "{without:?}");
}

#[test]
fn threads_on_many_keys_get_exactly_the_limit_of_each() {
    many_keys(a_few(5));
    many_keys(SlidingLog::new(Quota::per_minute(5)));
}

/// Threads find each key at different times, so they race to make its bucket.
fn many_keys<R: Rule>(rule: R) {
    const KEYS: u64 = 2_000;
    let (limiter, _) = with_room_for(KEYS as usize, rule);
    let admitted = admitted_to_all(|thread| {
        let keys = (0..KEYS).map(|n| (n * (2 * thread + 1)) % KEYS);
        count(
            keys.flat_map(|key| [key; 3])
                .map(|key| limiter.check(&key, 1)),
        )
    });
    assert_eq!(admitted, 5 * KEYS, "{limiter:?}");
    assert_eq!(limiter.forgotten(), 0);
}

/// Buckets die while threads come for them and for new ones.
#[test]
fn threads_get_exactly_the_limit_while_slots_change_hands() {
    const KEYS: u64 = 500;
    let (limiter, clock) = with_room_for(KEYS as usize, a_few(2));
    for round in 0..20 {
        let admitted = admitted_to_all(|_| {
            let keys = round * KEYS / 2..round * KEYS / 2 + KEYS;
            count(keys.map(|key| limiter.check(&key, 1)))
        });
        assert_eq!(admitted, 2 * KEYS, "round {round}");
        clock.advance(Duration::from_secs(120));
    }
    assert_eq!(limiter.forgotten(), 0);
}

const CAPACITIES: [usize; 5] = [1, 7, 64, 1_000, 100_000];

#[test]
fn no_key_is_forgotten_up_to_the_capacity() {
    for capacity in CAPACITIES {
        fill(capacity, a_few(1));
        fill(capacity, SlidingLog::new(Quota::per_minute(1)));
    }
}

fn fill<R: Rule>(capacity: usize, rule: R) {
    let (limiter, _) = with_room_for(capacity, rule);
    let admitted = (0..capacity).map(|key| limiter.check(&key, 1));
    assert_eq!(count(admitted), capacity as u64);
    let again = (0..capacity).map(|key| limiter.check(&key, 1));
    assert_eq!(count(again), 0, "{limiter:?} of {capacity}");
    assert_eq!(limiter.forgotten(), 0);
}

#[test]
fn no_key_is_forgotten_however_often_all_of_them_change() {
    for capacity in CAPACITIES {
        churn(capacity, a_few(1), 5);
        churn(capacity, SlidingWindow::new(Quota::per_minute(1)), 5);
        churn(
            capacity.min(1_000),
            SlidingLog::new(Quota::per_minute(1)),
            10,
        );
    }
}

/// Whole generations of keys, each when the one before is dead.
fn churn<R: Rule>(capacity: usize, rule: R, generations: usize) {
    let (limiter, clock) = with_room_for(capacity, rule);
    for generation in 0..generations {
        let keys = generation * capacity..(generation + 1) * capacity;
        let admitted = keys.clone().map(|key| limiter.check(&key, 1));
        assert_eq!(count(admitted), capacity as u64);
        let again = keys.map(|key| limiter.check(&key, 1));
        assert_eq!(count(again), 0, "{limiter:?} of {capacity}");
        assert_eq!(limiter.forgotten(), 0, "{limiter:?} of {capacity}");
        clock.advance(Duration::from_micros(limiter.rule().horizon()));
    }
}

#[test]
fn no_key_is_forgotten_where_keys_come_and_go_all_the_time() {
    for capacity in [7, 64, 1_000, 10_000] {
        flow(capacity, a_few(1));
        flow(capacity, SlidingLog::new(Quota::per_minute(1)));
    }
}

/// A new key at every tick of a slow clock, each dead when `capacity` others
/// have come.
fn flow<R: Rule>(capacity: usize, rule: R) {
    let (limiter, clock) = with_room_for(capacity, rule);
    let tick = Duration::from_micros(60_000_000_u64.div_ceil(capacity as u64));
    for key in 0..10 * capacity {
        assert!(limiter.check(&key, 1).is_admitted());
        let oldest = (key + 1).saturating_sub(capacity);
        assert!(
            limiter.check(&oldest, 1).is_denied(),
            "{oldest} at {key} of {capacity}"
        );
        clock.advance(tick);
    }
    assert_eq!(limiter.forgotten(), 0, "{limiter:?} of {capacity}");
}

#[test]
fn above_the_capacity_each_key_forgotten_is_counted() {
    for capacity in [1, 64, 1_000] {
        overfill(capacity, a_few(1));
        overfill(capacity, SlidingLog::new(Quota::per_minute(1)));
    }
}

fn overfill<R: Rule>(capacity: usize, rule: R) {
    let (limiter, _) = with_room_for(capacity, rule);
    let keys = 20 * capacity + 1_000;
    let admitted = (0..keys).map(|key| limiter.check(&key, 1));
    assert_eq!(
        count(admitted),
        keys as u64,
        "a newcomer always finds a place"
    );
    let forgotten = limiter.forgotten();
    let remembered = (0..keys)
        .filter(|key| limiter.peek(key).remaining() == 0)
        .count();
    assert_eq!(
        remembered as u64 + forgotten,
        keys as u64,
        "{limiter:?} of {capacity}"
    );
    assert!(remembered >= capacity, "{remembered} of {capacity}");
}

#[test]
fn logs_are_kept_of_no_more_keys_than_the_capacity() {
    for capacity in [1, 7, 64, 1_000] {
        let rule = SlidingLog::new(Quota::per_minute(1));
        let (limiter, _) = with_room_for(capacity, rule);
        let keys = 20 * capacity;
        assert_eq!(
            count((0..keys).map(|key| limiter.check(&key, 1))),
            keys as u64
        );
        let remembered = (0..keys)
            .filter(|key| limiter.peek(key).remaining() == 0)
            .count();
        assert_eq!(remembered, capacity);
    }
}

#[test]
fn the_key_nearest_to_being_whole_is_forgotten_first() {
    let (limiter, _) = with_room_for(1_000, a_few(100));
    for key in 0..500 {
        assert!(limiter.check(&("heavy", key), 100).is_admitted());
    }
    for key in 0..50_000 {
        assert!(limiter.check(&("light", key), 1).is_admitted());
    }
    let denied = (0..500).map(|key| limiter.check(&("heavy", key), 1));
    assert_eq!(count(denied), 0, "those in debt stay");
    assert!(limiter.forgotten() > 40_000);
}

/// A bucket as it would be without words that wrap, tables and lifetimes:
/// forgotten when it has lain for longer than the horizon.
struct Twin<R: Rule> {
    rule: R,
    state: R::State,
    written: Tick,
}

impl<R: Rule> Twin<R> {
    fn new(rule: R) -> Self {
        let (state, written) = (R::State::default(), 0);
        Self {
            rule,
            state,
            written,
        }
    }

    fn decide(&mut self, now: Tick, cost: Cost) -> Decision {
        if now - self.written >= self.rule.horizon() {
            self.state = R::State::default();
        }
        let decision = self.rule.decide(&mut self.state, now, cost);
        if decision.is_admitted() && cost > 0 {
            self.written = now;
        }
        decision
    }
}

/// Pauses between requests: within the horizon, around the lifetime of a word,
/// and far beyond.
fn pauses<R: Rule>(rule: &R) -> Vec<Tick> {
    let (horizon, life) = (rule.horizon(), rule.lifetime().min(1 << 60));
    let around = |ticks: Tick| [ticks - 1, ticks, ticks + 1];
    let spans = [
        horizon / 3,
        horizon,
        life / 2,
        life,
        life * 3 / 2,
        life * 2,
        life * 4,
        life * 7,
    ];
    let mut pauses: Vec<_> = spans.into_iter().flat_map(around).collect();
    pauses.extend([
        1,
        life * 2 - horizon / 3,
        life * 2 - horizon,
        life * 4 - horizon / 3,
    ]);
    pauses
}

/// All ways to pause twice, each from a part of a window of its own.
fn ages_well<R: Rule>(rule: R) {
    let pauses = pauses(&rule);
    for (step, first) in pauses.iter().enumerate() {
        for second in &pauses {
            let begin = rule.horizon() * step as Tick / pauses.len() as Tick;
            lives_through(&rule, begin, [*first, *second]);
        }
    }
}

fn lives_through<R: Rule>(rule: &R, begin: Tick, pauses: [Tick; 2]) {
    let clock = Manual::new();
    clock.advance(Duration::from_micros(begin));
    let builder = Local::builder(rule.clone())
        .capacity(8)
        .clock(clock.clone());
    let (with_keys, without) = (builder.clone().keyed(), builder.direct());
    let mut twin = Twin::new(rule.clone());
    let limit = with_keys.peek("a").limit();
    for pause in [0, pauses[0], pauses[1], 1] {
        clock.set(clock.now().saturating_add(pause));
        for cost in [limit / 2 + 1, limit / 2, 1, 0] {
            let expected = twin.decide(clock.now(), cost);
            let told = format!("{rule:?} from {begin}, {cost} after {pauses:?}");
            assert_eq!(with_keys.check("a", cost), expected, "{told}");
            assert_eq!(without.check(cost), expected, "{told}");
        }
    }
}

#[test]
fn a_token_bucket_outlives_its_words() {
    ages_well(TokenBucket::new(Quota::per_second(999_983)));
    ages_well(TokenBucket::new(Quota::per_second(10).burst(3)));
    ages_well(LeakyBucket::new(Quota::per_second(999_983).burst(7)));
}

#[test]
fn a_window_outlives_its_words() {
    ages_well(SlidingWindow::new(Quota::per_second(50_000_000)));
    ages_well(SlidingWindow::new(Quota::per_minute(100)));
    ages_well(FixedWindow::new(Quota::per_day(100_000_000_000_000)));
    ages_well(FixedWindow::new(Quota::per_second(100)));
}

#[test]
fn a_log_outlives_its_window() {
    ages_well(SlidingLog::new(Quota::per_second(100)));
}

/// Others keep the table busy, so that it is swept again and again.
#[test]
fn a_bucket_in_use_is_never_swept() {
    let (limiter, clock) = with_room_for(64, SlidingWindow::new(Quota::per_second(50_000_000)));
    let lifetime = limiter.rule().lifetime();
    let window = 1_000_000;
    for step in 0..3 * lifetime / window {
        let (idle, busy) = (step % 7, "busy");
        assert!(limiter.check(busy, 50_000_000 / 2).is_admitted(), "{step}");
        assert!(limiter.check(busy, 50_000_000).is_denied(), "{step}");
        assert!(limiter.check(&idle, 1).is_admitted(), "{step}");
        clock.advance(Duration::from_micros(window * 3 / 2));
    }
    assert_eq!(limiter.forgotten(), 0);
}

#[test]
fn a_clock_that_steps_back_admits_nothing_more() {
    steps_back(a_few(10));
    steps_back(SlidingWindow::new(Quota::per_minute(10)));
    steps_back(FixedWindow::new(Quota::per_minute(10)));
    steps_back(SlidingLog::new(Quota::per_minute(10)));
}

fn steps_back<R: Rule>(rule: R) {
    let (limiter, clock) = with_room_for(4, rule);
    let start = clock.now();
    assert!(limiter.check("a", 10).is_admitted());
    for back in [1, 1_000_000, 60_000_000, 3_600_000_000] {
        clock.set(start - back);
        assert!(
            limiter.check("a", 1).is_denied(),
            "{limiter:?} {back} ticks ago"
        );
    }
}

fn is_send_and_sync<T: Send + Sync + Clone>(_: &T) {}

#[test]
fn a_limiter_can_be_shared_by_all_threads() {
    is_send_and_sync(&keyed(a_few(1)));
    is_send_and_sync(&direct(SlidingLog::new(Quota::per_second(1))));
    is_send_and_sync(&Local::<TokenBucket, Direct>::direct(a_few(1)));
}

/// Keys of all kinds, in one table.
#[test]
fn anything_that_can_be_hashed_is_a_key() {
    let limiter = keyed(a_few(1));
    fn once<K: Hash + ?Sized>(limiter: &Local<TokenBucket, Keyed, Manual>, key: &K) {
        assert!(limiter.check(key, 1).is_admitted());
        assert!(limiter.check(key, 1).is_denied());
    }
    once(&limiter, "text");
    once(&limiter, &7_u64);
    once(&limiter, &("text", 7));
    once(&limiter, &std::net::Ipv4Addr::LOCALHOST);
    once(&limiter, [1_u8, 2, 3].as_slice());
    once(&limiter, &());
}

/// Threads read the clock before they meet in a bucket, and not in that order.
fn no_request_is_refused_below_the_limit<R: Rule>(rule: R) {
    let limiter = Local::direct(rule);
    let begin = Barrier::new(4);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                begin.wait();
                for _ in 0..10_000 {
                    let decision = limiter.check(1);
                    assert!(decision.is_admitted(), "{decision:?}");
                }
            });
        }
    });
}

#[test]
fn a_thread_that_is_late_is_not_refused_below_the_limit() {
    no_request_is_refused_below_the_limit(SlidingLog::new(Quota::per_hour(65_536)));
    let often = |amount| Quota::new(amount, ms(1)).unwrap();
    no_request_is_refused_below_the_limit(SlidingWindow::new(often(60_000_000)));
    no_request_is_refused_below_the_limit(FixedWindow::new(often(60_000_000)));
}

#[test]
fn a_denied_cost_is_not_reported_as_taken() {
    let clock = Manual::new();
    let rule = SlidingLog::new(Quota::per_second(5));
    let limiter = Local::builder(rule).clock(clock.clone()).direct();
    assert!(limiter.check(1).is_admitted());
    clock.set(clock.now() - 10);
    let (taken, decision) = limiter.check_up_to(5);
    assert!(decision.is_denied());
    assert_eq!((taken, decision.remaining()), (0, 0));
}
