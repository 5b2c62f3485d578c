//! The rule of retries as a table, written down a second time, and compared with
//! the layer in every combination.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use sluicegate::{
    client::{
        RetryBudget, RetryLayer,
        retry::{Counts, Stop},
    },
    deadline::{self, Deadline},
};
use tokio::time::Instant;
use tower::{Layer, ServiceExt};

use super::support::{Does, Server, ms};

/// How far a failed attempt came.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Came {
    NotSent,
    /// Refused by the transport of the server.
    Refused,
    /// Maybe processed.
    Sent,
    /// Not a failure.
    Answered,
}

/// When the server wants the call again, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Said {
    Nothing,
    After(u64),
    Exactly(u64),
    Never,
}

/// One attempt, and how the rule reads it.
#[derive(Clone, Debug)]
struct Attempt {
    does: Does,
    came: Came,
    said: Said,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Keys {
    None,
    One,
    Two,
    Empty,
    /// The layer attaches one.
    Attached,
    AttachedBesideTwo,
}

#[derive(Clone, Debug)]
struct Case {
    method: Method,
    is_grpc: bool,
    is_named: bool,
    keys: Keys,
    is_body_kept: bool,
    deadline: Option<u64>,
    budget: u64,
    max_retries: u32,
    script: Vec<Attempt>,
}

const BASE: u64 = 50;
const CAP: u64 = 1_000;
const MAX_DELAY: u64 = 300_000;

impl Case {
    fn may_be_processed_twice(&self) -> bool {
        let by_method = match self.is_grpc {
            true => self.is_named,
            false => ["GET", "PUT", "DELETE"].contains(&self.method.as_str()),
        };
        by_method || matches!(self.keys, Keys::One | Keys::Attached)
    }

    /// When each attempt begins, by the rule, and the reasons that hold at the end;
    /// none if the last attempt has an answer.
    fn expected(&self) -> (Vec<u64>, Vec<Stop>) {
        let (mut now, mut times) = (0, vec![0]);
        let (mut retries, mut doubled, mut budget) = (0, 0, self.budget);
        let mut is_refusal_used = false;
        for attempt in &self.script {
            if attempt.came == Came::Answered {
                return (times, Vec::new());
            }
            let is_free = match attempt.came {
                Came::NotSent => true,
                Came::Refused => !is_refusal_used,
                _ => false,
            };
            let delay = match attempt.said {
                Said::Never => None,
                Said::Exactly(delay) | Said::After(delay) if delay > MAX_DELAY => None,
                Said::Exactly(delay) => Some(delay),
                Said::After(delay) if delay > 0 => Some(delay),
                _ if attempt.came == Came::Refused && is_free => Some(0),
                _ => Some(CAP.min(BASE << doubled)),
            };
            let is_bounded = attempt.came == Came::NotSent && self.deadline.is_some();
            let is_late = |delay| self.deadline.is_some_and(|end| now + delay >= end);
            let stops = [
                (
                    attempt.came == Came::Sent && !self.may_be_processed_twice(),
                    Stop::NotRepeatable,
                ),
                (!self.is_body_kept, Stop::Body),
                (!is_bounded && retries == self.max_retries, Stop::Attempts),
                (delay.is_none(), Stop::Forbidden),
                (delay.is_some_and(is_late), Stop::Deadline),
                (!is_free && budget == 0, Stop::Budget),
            ];
            let stops: Vec<_> = stops.iter().filter(|(holds, _)| *holds).collect();
            if !stops.is_empty() {
                return (times, stops.into_iter().map(|(_, stop)| *stop).collect());
            }
            match attempt.said {
                Said::Exactly(_) => doubled = 0,
                Said::After(delay) if delay > 0 => {}
                _ => doubled += u32::from(attempt.came != Came::Refused || is_refusal_used),
            }
            is_refusal_used |= attempt.came == Came::Refused;
            budget -= u64::from(!is_free);
            retries += u32::from(!is_bounded);
            now += delay.unwrap();
            times.push(now);
        }
        (times, Vec::new())
    }

    fn request(&self) -> Request<Full<Bytes>> {
        let body = if self.is_body_kept {
            &b"0123456789"[..]
        } else {
            b"0123456789a"
        };
        let mut req = Request::new(Full::new(Bytes::from_static(body)));
        *req.method_mut() = self.method.clone();
        *req.uri_mut() = "http://server/shop.Things/Get".parse().unwrap();
        if self.is_grpc {
            let value = "application/grpc".parse().unwrap();
            req.headers_mut().insert("content-type", value);
        }
        let keys: &[&'static str] = match self.keys {
            Keys::None | Keys::Attached => &[],
            Keys::One => &["17"],
            Keys::Two | Keys::AttachedBesideTwo => &["17", "18"],
            Keys::Empty => &["\"\""],
        };
        for key in keys {
            let value = key.parse().unwrap();
            req.headers_mut().append("idempotency-key", value);
        }
        req
    }

    fn layer(&self, counts: &Arc<Counts>) -> RetryLayer {
        let hour = Duration::from_secs(3_600);
        let budget = RetryBudget::builder().percent(0).minimum(self.budget);
        let is_named = self.is_named;
        let layer = RetryLayer::new()
            .max_retries(self.max_retries)
            .max_body_bytes(10)
            .budget(budget.window(hour).local())
            .idempotent(move |_| is_named)
            .random(|| u64::MAX)
            .observe(counts.clone());
        match self.keys {
            Keys::Attached | Keys::AttachedBesideTwo => layer.attach_key(),
            _ => layer,
        }
    }

    /// Makes the call, and compares it with the rule.
    async fn check(&self) {
        let (times, stops) = self.expected();
        let begun = Instant::now();
        let script = self.script.iter().map(|it| it.does.clone());
        let server = Server::new(script);
        let counts = Arc::new(Counts::default());
        let call = self.layer(&counts).layer(server.clone());
        let call = call.oneshot(self.request());
        let result = match self.deadline {
            Some(left) => deadline::scope(Deadline::after(ms(left)), call).await,
            None => call.await,
        };
        let left = times.iter().enumerate().filter(|(nth, _)| {
            let attempt = self.script.get(*nth);
            attempt.is_none_or(|it| it.does.left())
        });
        let left: Vec<_> = left.map(|(_, at)| ms(*at)).collect();
        let seen: Vec<_> = server.seen().iter().map(|it| it.at - begun).collect();
        assert_eq!(seen, left, "{self:?}");
        assert_eq!(begun.elapsed(), ms(*times.last().unwrap()), "{self:?}");
        let counted = counts.snapshot();
        // A retry whose service was not ready has not begun.
        let begins = |nth: &usize| {
            let does = self.script.get(*nth).map(|it| &it.does);
            *nth == 0 || !matches!(does, Some(Does::NotReady))
        };
        let begun = (0..times.len()).filter(begins).count();
        assert_eq!(counted.attempts(), begun as u64, "{self:?}");
        let told: Vec<_> = Stop::ALL
            .into_iter()
            .filter(|stop| counted.stopped(*stop) > 0)
            .collect();
        let is_one_of_them = told.len() == 1 && stops.contains(&told[0]);
        let is_none = told.is_empty() && (stops.is_empty() || self.is_status_unread(&times));
        assert!(is_one_of_them || is_none, "{told:?} {stops:?} {self:?}");
        let is_error = self.script.get(times.len() - 1).is_some_and(is_error);
        assert_eq!(result.is_err(), is_error, "{self:?}");
    }

    /// Whether the layer passes the last response on before its trailers, because
    /// they cannot change anything.
    fn is_status_unread(&self, times: &[u64]) -> bool {
        let last = self.script.get(times.len() - 1).map(|it| &it.does);
        matches!(last, Some(Does::Trailers(..)))
    }
}

fn is_error(attempt: &Attempt) -> bool {
    use Does::{Breaks, NotReady, RefusesConnection, RefusesStream};
    matches!(
        attempt.does,
        RefusesConnection | RefusesStream | Breaks | NotReady
    )
}

fn fields(name: &'static str, value: &str) -> Vec<(&'static str, String)> {
    vec![(name, value.to_owned())]
}

/// What a response may say of a retry.
fn sayings() -> Vec<(Vec<(&'static str, String)>, Said)> {
    const PUSHBACK: &str = "grpc-retry-pushback-ms";
    const AFTER: &str = "retry-after";
    let both = [fields(AFTER, "7"), fields(PUSHBACK, "70")].concat();
    let twice = [fields(PUSHBACK, "1"), fields(PUSHBACK, "1")].concat();
    vec![
        (Vec::new(), Said::Nothing),
        (fields(AFTER, "0"), Said::After(0)),
        (fields(AFTER, "7"), Said::After(7_000)),
        (fields(AFTER, "300"), Said::After(300_000)),
        (fields(AFTER, "301"), Said::After(301_000)),
        (fields(AFTER, "-1"), Said::Nothing),
        (
            fields(AFTER, "Sun, 06 Nov 1994 08:49:37 GMT"),
            Said::After(0),
        ),
        (fields("x-sluicegate-retry", "no"), Said::Never),
        (fields("x-sluicegate-retry", "yes"), Said::Nothing),
        (fields(PUSHBACK, "0"), Said::Exactly(0)),
        (fields(PUSHBACK, "70"), Said::Exactly(70)),
        (fields(PUSHBACK, "300001"), Said::Exactly(300_001)),
        (fields(PUSHBACK, "-1"), Said::Never),
        (fields(PUSHBACK, "soon"), Said::Never),
        (both, Said::Exactly(70)),
        (twice, Said::Never),
    ]
}

/// Reads a response by the rule: some are failures, some only if the server says
/// when to come back.
fn response(does: Does, is_failure: bool, fails_if_said: bool, said: Said) -> Attempt {
    let fails = is_failure || fails_if_said && said != Said::Nothing;
    let came = if fails { Came::Sent } else { Came::Answered };
    Attempt { does, came, said }
}

fn http_attempts() -> Vec<Attempt> {
    let mut all = Vec::new();
    for (lines, said) in sayings() {
        for status in [
            200, 307, 400, 404, 408, 409, 425, 429, 500, 501, 502, 503, 504,
        ] {
            let fails = [502, 503, 504].contains(&status);
            let if_said = [409, 429].contains(&status);
            let does = Does::Says(status, lines.clone());
            all.push(response(does, fails, if_said, said));
        }
    }
    all
}

fn grpc_attempts() -> Vec<Attempt> {
    let forms: [fn(u16, Vec<_>) -> Does; 2] = [Does::TrailersOnly, Does::Trailers];
    let mut all = Vec::new();
    for (lines, said) in sayings() {
        for code in 0..=16 {
            for form in forms {
                let (fails, if_said) = (code == 14, [8, 10].contains(&code));
                let does = form(code, lines.clone());
                all.push(response(does, fails, if_said, said));
            }
        }
    }
    for does in [Does::Message(14), Does::Message(0), Does::NoStatus] {
        all.push(response(does, false, false, Said::Nothing));
    }
    all
}

fn other_attempts() -> Vec<Attempt> {
    let said = Said::Nothing;
    let others = [
        (Does::RefusesConnection, Came::NotSent),
        (Does::NotReady, Came::NotSent),
        (Does::RefusesStream, Came::Refused),
        (Does::Breaks, Came::Sent),
    ];
    let others = others.into_iter();
    others
        .map(|(does, came)| Attempt { does, came, said })
        .collect()
}

/// Calls `check` with every combination of a request, keys, a body, a deadline, a
/// budget and a number of retries.
async fn check_all(attempts: &[Attempt], is_grpc: bool) {
    let methods: &[Method] = match is_grpc {
        true => &[Method::POST],
        false => &[Method::GET, Method::PUT, Method::POST, Method::PATCH],
    };
    let keys = [
        Keys::None,
        Keys::One,
        Keys::Two,
        Keys::Empty,
        Keys::Attached,
        Keys::AttachedBesideTwo,
    ];
    for (nth, attempt) in attempts.iter().enumerate() {
        for (method, keys) in methods.iter().flat_map(|it| keys.map(|keys| (it, keys))) {
            for bits in 0..32 {
                let is = |bit: u32| bits >> bit & 1 == 1;
                // Each attempt meets each combination of two of the deadlines.
                let deadlines = [None, Some(BASE), Some(BASE + 1), Some(7_001)];
                let deadline = deadlines[(nth + bits as usize) % 2 * 2 + usize::from(is(4))];
                let case = Case {
                    method: method.clone(),
                    is_grpc,
                    is_named: is_grpc && is(0),
                    keys,
                    is_body_kept: is(1),
                    deadline,
                    budget: u64::from(is(2)),
                    max_retries: u32::from(is(3)),
                    script: vec![attempt.clone()],
                };
                case.check().await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_failure_of_any_kind_is_repeated_by_the_rule() {
    check_all(&[http_attempts(), other_attempts()].concat(), false).await;
}

#[tokio::test(start_paused = true)]
async fn one_failure_of_a_grpc_call_is_repeated_by_the_rule() {
    let attempts = [http_attempts(), grpc_attempts(), other_attempts()];
    check_all(&attempts.concat(), true).await;
}

/// Returns all words of up to three of these.
fn words(letters: &[Attempt]) -> Vec<Vec<Attempt>> {
    let mut words: Vec<Vec<Attempt>> = vec![Vec::new()];
    let mut begin = 0;
    for _ in 0..3 {
        let end = words.len();
        for nth in begin..end {
            for letter in letters {
                words.push([&words[nth][..], std::slice::from_ref(letter)].concat());
            }
        }
        begin = end;
    }
    words
}

#[tokio::test(start_paused = true)]
async fn failures_in_any_order_are_repeated_by_the_rule() {
    let pushed = Does::Trailers(14, fields("grpc-retry-pushback-ms", "70"));
    let later = Does::Says(503, fields("retry-after", "7"));
    let said = [
        response(Does::says(503), true, false, Said::Nothing),
        response(later, true, false, Said::After(7_000)),
        response(pushed, true, false, Said::Exactly(70)),
    ];
    let letters = [&said[..], &other_attempts()].concat();
    for script in words(&letters) {
        for bits in 0..54 {
            let case = Case {
                method: Method::POST,
                is_grpc: true,
                is_named: bits % 2 == 0,
                keys: Keys::None,
                is_body_kept: true,
                deadline: [None, Some(200), Some(20_000)][bits / 2 % 3],
                budget: [0, 1, 9][bits / 6 % 3],
                max_retries: [0, 1, 2][bits / 18],
                script: script.clone(),
            };
            case.check().await;
        }
    }
}
