//! Keeps values of `RateLimit`: clients with as much left get the same one, and
//! to write it takes longer than to decide.

use std::{cell::RefCell, ptr};

use http::HeaderValue;

use super::{item::line_of, policy::Policy};

/// The values that a thread keeps.
const MAX_KEPT: usize = 64;

thread_local! {
    /// Each in the place that its numbers choose.
    static KEPT: RefCell<[Option<KeptState>; MAX_KEPT]> =
        const { RefCell::new([const { None }; MAX_KEPT]) };
}

/// The rest of a limit, as a header tells it.
#[derive(Clone, Copy)]
pub(super) struct QuotaState {
    pub(super) policy: &'static Policy,
    pub(super) remaining: u64,
    /// Seconds until there is more; 0 if that is not to be told.
    pub(super) more: u64,
}

/// A state that was written in its place at last.
struct KeptState {
    state: QuotaState,
    /// `None` until it is written a second time, because most values of a limit
    /// with many clients are needed once, and keeping one allocates.
    value: Option<HeaderValue>,
}

impl QuotaState {
    /// Returns the value; `None` if a header cannot contain it.
    #[inline]
    pub(super) fn value(self) -> Option<HeaderValue> {
        KEPT.with_borrow_mut(|kept| match &mut kept[self.place()] {
            Some(kept) if kept.state.is(self) => kept.value(),
            place => {
                *place = Some(KeptState {
                    state: self,
                    value: None,
                });
                self.written()
            }
        })
    }

    fn place(self) -> usize {
        let policy = ptr::from_ref(self.policy).addr() / size_of::<Policy>();
        let numbers = self.remaining.wrapping_add(self.more) as usize;
        policy.wrapping_add(numbers) % MAX_KEPT
    }

    /// Policies are kept for good, so their addresses tell them apart.
    fn is(self, other: Self) -> bool {
        (self.remaining, self.more) == (other.remaining, other.more)
            && ptr::eq(self.policy, other.policy)
    }

    fn written(self) -> Option<HeaderValue> {
        let more = (self.more > 0).then_some((b't', self.more));
        line_of(
            &self.policy.written_name,
            [Some((b'r', self.remaining)), more],
        )
    }
}

impl KeptState {
    #[inline]
    fn value(&mut self) -> Option<HeaderValue> {
        if self.value.is_none() {
            self.value = self.state.written();
        }
        self.value.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::headers::policy::Promise;

    #[test]
    fn a_kept_value_is_never_mistaken_for_another() {
        let policies = ["a", "b"].map(|name| {
            let (limit, window) = (9, 1);
            let promise = Promise {
                name,
                limit,
                window,
            };
            let policy: &Policy = Box::leak(Box::new(Policy::of(&promise).unwrap()));
            (name, policy)
        });
        for step in 0..20_000_u64 {
            let (name, policy) = policies[step as usize / 3 % 2];
            // Each value several times, before and after others took its place.
            let (remaining, more) = (step / 7 % 300 * 32, step / 14 % 3);
            let state = QuotaState {
                policy,
                remaining,
                more,
            };
            let expected = match more {
                0 => format!("\"{name}\";r={remaining}"),
                more => format!("\"{name}\";r={remaining};t={more}"),
            };
            assert_eq!(state.value().unwrap(), expected);
        }
    }
}
