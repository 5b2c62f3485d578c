use super::{
    quota::{Cost, MAX_COST, Quota},
    remaining::Spare,
    window::{View, Window},
    {rule::Rule, word::Word},
};
use crate::{clock::Tick, limit::decision::Decision};

/// A counter that starts anew in every window. Here for comparison: around the
/// turn of a window it lets twice its limit pass; choose
/// [`SlidingWindow`](crate::limit::SlidingWindow) instead.
///
/// With W = period and `count` what passed since `now - now mod W`:
///
/// ```text
/// admit if count + cost <= limit
/// retry_after = W - now mod W
/// ```
///
/// The limit is the quota's amount; its burst means nothing here.
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
    window: Window,
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

    fn decision(&self, view: &View, cost: Cost, admitted: bool) -> Decision {
        let Window { limit, width, .. } = self.window;
        let left = view.ahead + width - view.elapsed;
        let units = if view.ahead > 0 {
            0
        } else {
            limit.saturating_sub(view.current)
        };
        let spare = Spare {
            limit,
            units,
            token: 1,
            tick: 1,
        };
        let reset = if view.current > 0 { left } else { view.ahead };
        let more = if view.ahead > 0 { view.ahead } else { reset };
        let decision = match admitted {
            true => Decision::admit(spare, reset),
            false if cost > limit => Decision::never(spare, reset),
            false if view.current.saturating_add(cost) <= limit => {
                Decision::deny(spare, view.ahead, reset)
            }
            false => Decision::deny(spare, left, reset),
        };
        decision.windowed(more, width)
    }
}

impl Rule for FixedWindow {
    type State = Word;

    #[inline]
    fn decide(&self, state: &mut Word, now: Tick, cost: Cost) -> Decision {
        let mut view = self.window.view(*state, now);
        view.previous = 0;
        let fits = view.current.saturating_add(cost) <= self.window.limit;
        if !fits || view.ahead > 0 {
            if cost > 0 {
                self.window.settle(state, &view);
            }
            return self.decision(&view, cost, false);
        }
        if cost > 0 {
            view.current += cost;
            *state = self.window.word(&view, 0, view.current);
        }
        self.decision(&view, cost, true)
    }

    fn credit(&self, state: &mut Word, now: Tick, cost: Cost) {
        let view = self.window.view(*state, now);
        let current = view.current.saturating_sub(cost);
        *state = self.window.word(&view, 0, current);
    }

    fn debit(&self, state: &mut Word, now: Tick, cost: Cost) {
        let view = self.window.view(*state, now);
        let current = view.current.saturating_add(cost.min(MAX_COST));
        *state = self.window.word(&view, 0, current);
    }

    fn max_debit(&self) -> Cost {
        self.window.most().min(MAX_COST)
    }

    fn book(&self, state: &mut Word, now: Tick, cost: Cost, wait: Tick) -> Decision {
        let mut seen = *state;
        self.window
            .settle(&mut seen, &self.window.view(*state, now));
        let decision = self.decide(&mut seen, now + wait, cost);
        if cost > 0 {
            *state = self.window.booked(seen, now, wait);
        }
        decision.after(wait)
    }

    fn undo(&self, state: &mut Word, now: Tick, cost: Cost, at: Tick, _mark: u64) -> Cost {
        self.window.settle(state, &self.window.view(*state, now));
        let cost = self.window.counted_at(*state, now, at).min(cost);
        if cost > 0 {
            self.credit(state, now, cost);
        }
        cost
    }

    #[inline]
    fn is_ahead(&self, state: &Word, now: Tick) -> bool {
        self.window.view(*state, now).ahead > 0
    }

    #[inline]
    fn life(&self, state: &Word, now: Tick) -> Tick {
        let view = self.window.view(*state, now);
        if view.current == 0 {
            view.ahead
        } else {
            view.ahead + self.window.width - view.elapsed
        }
    }

    fn horizon(&self) -> Tick {
        self.window.width
    }

    #[inline]
    fn lifetime(&self) -> Tick {
        self.window.lifetime()
    }

    fn quota(&self) -> Quota {
        self.quota
    }
}

#[cfg(feature = "redis")]
mod script {
    use super::*;
    use crate::limit::rules::script::{LuaRule, ReplyReader, lua_rule};

    impl LuaRule for FixedWindow {
        lua_rule!("fixed_window", on "window");

        fn kind(&self) -> char {
            'f'
        }

        fn lua_params(&self) -> Vec<u64> {
            self.window.lua_params().into()
        }

        fn read_state(&self, now: Tick, reply: &mut ReplyReader<'_>) -> Option<Word> {
            self.window.read_state(now, reply)
        }
    }
}
