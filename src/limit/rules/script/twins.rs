//! The rules as their twins in `lua/` know them: what a script is told of a
//! rule, and the state that it returns.

use super::{
    lua_rule::{LuaRule, lua_rule},
    reply_reader::ReplyReader,
};
use crate::{
    clock::Tick,
    limit::rules::{
        fixed_window::FixedWindow,
        gcra::{FURTHEST, Gcra},
        leaky_bucket::LeakyBucket,
        log::{Log, LogEntry, MAX_COUNT},
        quota::Cost,
        rule::Rule,
        sliding_log::SlidingLog,
        sliding_window::SlidingWindow,
        token_bucket::TokenBucket,
        window::{View, Window},
        word::Word,
    },
};

impl Gcra {
    /// See the `params` of `gcra.lua`.
    fn lua_params(&self) -> [u64; 3] {
        [self.token, self.tick, self.size]
    }

    /// Returns the units and the ticks until the bucket is whole, after a bucket
    /// never seen was charged with a cost that passes.
    fn first_charge(&self, cost: Cost) -> Option<(u64, Tick)> {
        let ahead = (cost <= self.size).then(|| cost * self.token)?;
        Some((ahead, ahead.div_ceil(self.tick)))
    }

    /// Reads the units from now until the bucket is whole.
    fn read_state(&self, now: Tick, reply: &mut ReplyReader<'_>) -> Option<Word> {
        let ahead = reply.take().filter(|ahead| *ahead <= FURTHEST)?;
        Some(self.word(now, ahead))
    }
}

impl Window {
    /// See the `params` of `window.lua`.
    fn lua_params(&self) -> [u64; 3] {
        [self.limit, self.width, self.max_count()]
    }

    /// Reads the counts of the present window, or of a later one, if it begins
    /// at an instant that the twin can write down.
    fn read_state(&self, now: Tick, reply: &mut ReplyReader<'_>) -> Option<Word> {
        let (index, previous, current) = (reply.take()?, reply.take()?, reply.take()?);
        index
            .checked_mul(self.width)
            .filter(|begin| *begin <= FURTHEST)?;
        let view = View {
            index,
            elapsed: 0,
            ahead: index.checked_sub(now / self.width)?,
            previous,
            current,
            is_moved: false,
        };
        Some(self.word(&view, previous, current))
    }
}

impl LuaRule for TokenBucket {
    lua_rule!("token_bucket", on "gcra"; rest "refund", "lease", "new_quota", "hold");

    fn kind(&self) -> char {
        't'
    }

    fn lua_params(&self) -> Vec<u64> {
        self.gcra.lua_params().into()
    }

    fn first_charge(&self, cost: Cost) -> Option<(u64, Tick)> {
        self.gcra.first_charge(cost)
    }

    fn read_state(&self, now: Tick, reply: &mut ReplyReader<'_>) -> Option<Word> {
        self.gcra.read_state(now, reply)
    }
}

/// The states of a queue and of a meter differ: only a queue has places that
/// are booked. So each has a letter of its own.
impl LuaRule for LeakyBucket {
    lua_rule!("leaky_bucket", on "gcra"; rest "refund", "lease", "new_quota", "hold");

    fn kind(&self) -> char {
        if self.queues() { 'q' } else { 'm' }
    }

    fn lua_params(&self) -> Vec<u64> {
        self.gcra.lua_params().into()
    }

    /// The script books the places of a queue by the rule.
    fn first_charge(&self, cost: Cost) -> Option<(u64, Tick)> {
        self.gcra.first_charge(cost).filter(|_| !self.queues())
    }

    fn read_state(&self, now: Tick, reply: &mut ReplyReader<'_>) -> Option<Word> {
        self.gcra.read_state(now, reply)
    }
}

impl LuaRule for FixedWindow {
    lua_rule!("fixed_window", on "window"; rest "lease", "new_quota", "hold");

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

impl LuaRule for SlidingWindow {
    lua_rule!("sliding_window", on "window"; rest "lease", "new_quota", "hold");

    fn kind(&self) -> char {
        's'
    }

    fn lua_params(&self) -> Vec<u64> {
        let [limit, width, max_count] = self.window.lua_params();
        vec![limit, width, max_count, self.step, self.steps]
    }

    fn read_state(&self, now: Tick, reply: &mut ReplyReader<'_>) -> Option<Word> {
        self.window.read_state(now, reply)
    }
}

/// A reply has a sum instead of each entry that the decision did not need, so
/// that it stays short however long the log is.
impl LuaRule for SlidingLog {
    lua_rule!("sliding_log", on "log"; rest "hold");

    fn kind(&self) -> char {
        'l'
    }

    fn lua_params(&self) -> Vec<u64> {
        vec![self.quota().amount(), self.width()]
    }

    fn read_state(&self, now: Tick, reply: &mut ReplyReader<'_>) -> Option<Log> {
        let (used, pairs) = (reply.take()?, reply.take()?);
        let mut log = Log::default();
        for _ in 0..pairs {
            let (at, cost) = (reply.take()?, reply.take()?);
            log.used = log.used.checked_add(cost)?;
            log.entries.push_back(LogEntry::new(at, cost));
        }
        // A script whose clock stepped back has taken that into account
        // already, so what lies ahead here was booked.
        if let Some(last) = log.entries.back_mut().filter(|last| last.at > now) {
            last.set_booked();
        }
        (log.used == used && used <= MAX_COUNT).then_some(log)
    }

    /// A lease would have to stay in the log for as long as if it were spent at
    /// once.
    fn can_lease(&self) -> bool {
        false
    }

    /// Entries that a check did not ask about are returned in sums.
    fn covers(&self, asked: Cost, cost: Cost) -> bool {
        asked == cost
    }
}
