//! Writes the methods of a rule that its base has, too. The two buckets stand
//! on [`Gcra`](super::gcra::Gcra), the two windows on
//! [`Window`](super::window::Window).

/// Forwards methods of [`Rule`](super::rule::Rule) to the field that is the
/// base of the rule. A rule that differs in one of them does not name it.
macro_rules! forward {
    ($base:ident: credit, debit, max_debit, lifetime) => {
        fn credit(&self, state: &mut Word, now: Tick, cost: Cost) {
            self.$base.credit(state, now, cost);
        }

        fn debit(&self, state: &mut Word, now: Tick, cost: Cost) {
            self.$base.debit(state, now, cost);
        }

        fn max_debit(&self) -> Cost {
            self.$base.max_debit()
        }

        #[inline]
        fn lifetime(&self) -> Tick {
            self.$base.lifetime()
        }

        fn quota(&self) -> Quota {
            self.quota
        }
    };
    ($base:ident: book, mark, life, horizon) => {
        fn book(&self, state: &mut Word, now: Tick, cost: Cost, wait: Tick) -> Decision {
            self.$base.book(state, now, cost, wait)
        }

        fn mark(&self, state: &Word, at: Tick) -> u64 {
            self.$base.mark(*state, at)
        }

        #[inline]
        fn life(&self, state: &Word, now: Tick) -> Tick {
            self.$base.life(*state, now)
        }

        fn horizon(&self) -> Tick {
            self.$base.horizon()
        }
    };
    ($base:ident: book, undo, is_ahead) => {
        fn book(&self, state: &mut Word, now: Tick, cost: Cost, wait: Tick) -> Decision {
            let decide = |state: &mut Word, at| self.decide(state, at, cost);
            self.$base.book(state, now, (cost, wait), decide)
        }

        fn undo(&self, state: &mut Word, now: Tick, cost: Cost, at: Tick, _mark: u64) -> Cost {
            self.$base.undo(state, now, cost, at)
        }

        #[inline(always)]
        fn is_ahead(&self, state: &Word, now: Tick) -> bool {
            self.$base.is_ahead(*state, now)
        }
    };
}
pub(super) use forward;
