//! Settings that cannot be panic at the line that asks for them, and say what is
//! allowed.

use std::{
    any::Any,
    cell::RefCell,
    panic::{self, AssertUnwindSafe, catch_unwind},
    sync::Once,
    time::Duration,
};

use sluicegate::{
    deadline::{self, Deadline, EnforceDeadlineLayer, PropagateDeadlineLayer},
    idempotency::{self, Claimant, Durable, IdempotencyLayer, KeyForm},
    key::{self, ClientIp},
    limit::{LeakyBucket, Local, Quota, SlidingLog, SlidingWindow, TokenBucket},
    red::{Methods, Registry, Slo},
    refusal::Answer,
};

thread_local! {
    /// Where this thread panicked last: file and line.
    static PANICKED: RefCell<Option<(String, u32)>> = const { RefCell::new(None) };
}

/// Notes where panics are, and shows none of this thread's.
fn note_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let at = info.location().map(|it| (it.file().to_owned(), it.line()));
            PANICKED.set(at);
            usual(info);
        }));
    });
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.unwrap_or_else(|| panic.downcast_ref::<&str>().unwrap().to_string())
}

/// Holds that `make` panics at `line` of this file, with a text that says what
/// is allowed.
fn panics_at<T>(line: u32, make: impl FnOnce() -> T) {
    note_panics();
    let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(make()))) else {
        panic!("line {line} does not panic");
    };
    let text = text(&*panic);
    assert!(text.starts_with("invalid "), "line {line}: {text}");
    assert!(text.contains(": must "), "line {line}: {text}");
    let at = PANICKED.take();
    assert_eq!(at, Some((file!().to_owned(), line)), "{text}");
}

#[test]
fn an_invalid_limit_panics_at_the_callers_line() {
    let rule = || TokenBucket::new(Quota::per_second(1));
    panics_at(line!(), || Quota::per_second(0));
    panics_at(line!(), || Quota::per_minute(0));
    panics_at(line!(), || Quota::per_hour(0));
    panics_at(line!(), || Quota::per_day(0));
    panics_at(line!(), || Quota::per_second(1).burst(0));
    panics_at(line!(), || SlidingWindow::new(Quota::per_second(1 << 26)));
    panics_at(line!(), || SlidingLog::new(Quota::per_second(1 << 17)));
    panics_at(line!(), || Local::builder(rule()).capacity(0));
    let queue = || LeakyBucket::new(Quota::per_day(1));
    panics_at(line!(), || queue().queue(1 << 52));
}

#[test]
fn an_invalid_key_panics_at_the_callers_line() {
    panics_at(line!(), || key::header("x api key"));
    panics_at(line!(), || key::header(""));
    panics_at(line!(), || key::header("x-ключ"));
    panics_at(line!(), || ClientIp::peer().ipv4_prefix(0));
    panics_at(line!(), || ClientIp::peer().ipv6_prefix(129));
}

#[test]
fn an_invalid_deadline_panics_at_the_callers_line() {
    let enforce = EnforceDeadlineLayer::new;
    let zero = Duration::ZERO;
    panics_at(line!(), || enforce().default_timeout(zero));
    panics_at(line!(), || enforce().maximum(zero));
    panics_at(line!(), || enforce().reject_at_most(101));
    panics_at(line!(), || PropagateDeadlineLayer::new().call_max(zero));
    panics_at(line!(), || Deadline::after(zero).stages([1, 0]));
    let registry = deadline::Registry::builder;
    panics_at(line!(), || registry().capacity(0));
    panics_at(line!(), || registry().grace(Duration::MAX));
}

#[test]
fn an_invalid_idempotency_setting_panics_at_the_callers_line() {
    let claimant = || Claimant::new(idempotency::Local::new());
    panics_at(line!(), || claimant().lease(Duration::ZERO));
    panics_at(line!(), || claimant().keep(Duration::ZERO));
    panics_at(line!(), || idempotency::Local::builder().capacity(0));
    panics_at(line!(), || Durable::builder().capacity(0));
    panics_at(line!(), || KeyForm::new().length(0..=1));
    #[expect(clippy::reversed_empty_ranges, reason = "this is the mistake")]
    panics_at(line!(), || KeyForm::new().length(2..=1));
    let layer = || IdempotencyLayer::new(idempotency::Local::new());
    let cookie = [http::header::SET_COOKIE];
    panics_at(line!(), || layer().replay_headers(cookie));
    panics_at(line!(), || Answer::new().keys_described_by("a b"));
}

#[test]
fn an_invalid_metric_panics_at_the_callers_line() {
    let registry = Registry::builder;
    let second = Duration::from_secs(1);
    panics_at(line!(), || registry().max_series(0));
    panics_at(line!(), || registry().buckets([]));
    panics_at(line!(), || registry().stream_buckets([second; 2]));
    panics_at(line!(), || Methods::new().unary("method"));
    panics_at(line!(), || Methods::new().streaming("/service/"));
    panics_at(line!(), || Slo::availability(1.0));
    panics_at(line!(), || Slo::latency(0.0, second));
    panics_at(line!(), || Slo::availability(0.9).period(second));
    let slo = || Slo::availability(0.9);
    let one = || registry().slo("one", slo());
    panics_at(line!(), || one().slo("one", slo()));
    let between = Slo::latency(0.9, Duration::from_micros(1));
    let between = registry().slo("between", between);
    panics_at(line!(), || between.build());
}
