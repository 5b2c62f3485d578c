//! The rules of this crate in a limiter with a bucket for each key.

use sluicegate::{
    clock::Manual,
    limit::{Keyed, Local, Rule, Scripted},
};

use super::{
    by_rule::ByRule,
    subject::{KEYS, Subject, interval},
};

/// Makes the subject of a rule.
pub(super) struct Ours;

impl ByRule for Ours {
    type Output = Box<dyn Subject>;

    fn call<R: Scripted<State: Sync>>(self, rule: R) -> Self::Output {
        let clock = Manual::new();
        let limiter = Local::builder(rule).clock(clock.clone());
        Box::new(Limiter {
            limiter: limiter.capacity(KEYS as usize).keyed(),
            clock,
        })
    }
}

struct Limiter<R: Rule> {
    limiter: Local<R, Keyed, Manual>,
    clock: Manual,
}

impl<R: Rule> Subject for Limiter<R> {
    fn round(&mut self) -> u64 {
        self.clock.advance(interval());
        let admitted = (0..KEYS).filter(|key| self.limiter.check(key, 1).is_admitted());
        admitted.count() as u64
    }
}
