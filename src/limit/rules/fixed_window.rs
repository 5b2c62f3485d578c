//! A counter that starts anew in every window. Its twin is
//! `lua/fixed_window.lua`.

use super::{
    forward::forward,
    quota::{Cost, Quota},
    remaining::Remaining,
    rule::Rule,
    window::{View, Window},
    word::Word,
};
use crate::{clock::Tick, limit::decision::Decision};

/// A counter that starts anew in every window. It is here for comparison:
/// around the turn of a window, up to twice its limit passes. Take a
/// [`SlidingWindow`](crate::limit::SlidingWindow) instead.
///
/// With W = period, and `count` the costs that passed since `now - now mod W`:
///
/// ```text
/// admit if count + cost <= limit
/// remaining   = limit - count
/// retry_after = W - now mod W
/// reset_after = W - now mod W, or 0 if nothing passed in this window
/// ```
///
/// The limit is the quota's amount; its burst is ignored. Windows begin
/// [as those of the sliding window](crate::limit::SlidingWindow#when-a-window-begins).
///
/// ```
/// use sluicegate::limit::{FixedWindow, Quota, Rule};
///
/// let rule = FixedWindow::new(Quota::per_second(2));
/// let mut state = Default::default();
/// assert!(rule.decide(&mut state, 900_000, 2).is_admitted());
/// assert!(rule.decide(&mut state, 999_999, 1).is_denied());
/// assert!(rule.decide(&mut state, 1_000_000, 2).is_admitted());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedWindow {
    quota: Quota,
    pub(super) window: Window,
}

impl FixedWindow {
    /// A window of the quota's period that admits its amount.
    pub fn new(quota: Quota) -> Self {
        let window = Window::new(&quota, 1);
        Self {
            quota,
            window: window.expect("a quota's amount is at most 2^52"),
        }
    }

    /// Returns the decision for what the view counts, which the cost is part of
    /// if it was admitted.
    #[inline(always)]
    fn decision(&self, view: &View, cost: Cost, admitted: bool) -> Decision {
        let Window { limit, width, .. } = self.window;
        let left = view.ahead + width - view.elapsed;
        let units = match view.ahead {
            0 => limit.saturating_sub(view.current),
            _ => 0,
        };
        let remaining = Remaining::whole(limit, units);
        let reset = if view.current > 0 { left } else { view.ahead };
        let more = if view.ahead > 0 { view.ahead } else { reset };
        let decision = match admitted {
            true => Decision::admit(remaining, reset),
            false if cost > limit => Decision::never(remaining, reset),
            false if view.current.saturating_add(cost) <= limit => {
                Decision::deny(remaining, view.ahead, reset)
            }
            false => Decision::deny(remaining, left, reset),
        };
        decision.windowed(more, width)
    }
}

impl Rule for FixedWindow {
    type State = Word;

    #[inline(always)]
    fn decide(&self, state: &mut Word, now: Tick, cost: Cost) -> Decision {
        let limit = self.window.limit;
        let fits = |view: &View| cost <= limit && view.current + cost <= limit;
        let (view, admitted) = self.window.charge(state, now, cost, fits);
        self.decision(&view, cost, admitted)
    }

    #[inline]
    fn life(&self, state: &Word, now: Tick) -> Tick {
        let view = self.window.view(*state, now);
        match view.current {
            0 => view.ahead,
            _ => view.ahead + self.window.width - view.elapsed,
        }
    }

    fn horizon(&self) -> Tick {
        self.window.width
    }

    forward!(window: credit, debit, max_debit, lifetime);
    forward!(window: book, undo, is_ahead);
}
