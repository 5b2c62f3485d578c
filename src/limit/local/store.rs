//! Stores, in which a limiter keeps its buckets: their contract, the two that
//! keep one bucket, and what all of them have in common.

use std::{
    fmt,
    sync::{Arc, atomic},
};

use crate::{
    clock::Tick,
    limit::{observe::Observe, rules::word::Word},
    sync::{AtomicU64, Mutex, Ordering::*, lock},
};

/// How long a state has to be kept. A store knows no more than this of a rule.
///
/// A store does not name [`Rule`](crate::limit::Rule) because a rule names its
/// state, and a state its stores.
pub trait Lifespan<S> {
    /// Returns the ticks from `now` on in which the bucket still differs from
    /// one never seen: 0 if it does not.
    fn life(&self, state: &S, now: Tick) -> Tick;

    /// Returns the ticks, before and after, in which a state can be read.
    fn lifetime(&self) -> Tick;
}

/// A step that changes a bucket, and what it answers. Closures are such steps.
///
/// A decision implements it itself, because the compiler can be told to inline
/// a method and not a closure. A decision that is not inlined goes through
/// memory, and waits there longer than it takes to decide.
pub trait Change<S, T> {
    /// Changes the state as of `now`.
    fn apply(&mut self, state: &mut S, now: Tick) -> T;
}

impl<S, T, F: FnMut(&mut S, Tick) -> T> Change<S, T> for F {
    #[inline(always)]
    fn apply(&mut self, state: &mut S, now: Tick) -> T {
        self(state, now)
    }
}

/// Buckets by the hash of their key.
pub trait Store<S>: fmt::Debug + Send + Sync + 'static {
    /// An empty store for so many keys, in its first epoch. It notifies
    /// `forgotten` about each bucket that it drops alive.
    fn new(capacity: usize, epoch: Epoch, forgotten: Forgotten) -> Self;

    /// Changes a bucket in one step, and returns what `change` returned at
    /// last. It is called again if another thread was faster, each time with
    /// the state as that thread left it.
    fn update<T>(
        &self,
        rule: &impl Lifespan<S>,
        key: u64,
        clock: impl Fn() -> Tick,
        change: impl Change<S, T>,
    ) -> T;

    /// Returns how many buckets were forgotten alive. A store of one bucket
    /// forgets none.
    fn forgotten(&self) -> u64 {
        0
    }
}

/// Counts buckets that were dropped alive, because the store was full.
#[derive(Debug)]
pub struct Forgotten {
    count: atomic::AtomicU64,
    /// The name of the limiter, which the observer is given.
    limiter: Arc<str>,
    observer: Option<Arc<dyn Observe>>,
}

impl Forgotten {
    pub(crate) fn new(limiter: Arc<str>, observer: Option<Arc<dyn Observe>>) -> Self {
        Self {
            count: atomic::AtomicU64::new(0),
            limiter,
            observer,
        }
    }

    /// Returns how many there were.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Relaxed)
    }

    /// Counts one, and notifies the observer. To be called without a lock.
    pub(crate) fn add_one(&self) {
        self.count.fetch_add(1, Relaxed);
        if let Some(observer) = &self.observer {
            observer.forgotten(&self.limiter);
        }
    }
}

/// Knows when the words of a store may begin to wrap; see
/// [`Lifespan::lifetime`].
#[derive(Debug)]
pub struct Epoch {
    /// A lifetime after dead buckets were last dropped. Not when that was,
    /// because every decision compares it with the present instant.
    end: AtomicU64,
    /// Held by the caller that drops dead buckets.
    turn: Mutex<()>,
}

impl Epoch {
    pub(crate) fn new(now: Tick, lifetime: Tick) -> Self {
        Self {
            end: AtomicU64::new(now.saturating_add(lifetime)),
            turn: Mutex::new(()),
        }
    }

    /// Whether so much time has passed that words may begin to wrap.
    #[inline(always)]
    pub(crate) fn is_over(&self, now: Tick) -> bool {
        now > self.end.load(Acquire)
    }

    /// Lets one caller `drop_dead` buckets while the others wait. Its argument
    /// tells whether the store lay idle for so long that all of them must be
    /// dead.
    #[cold]
    pub(crate) fn renew(&self, now: Tick, lifetime: Tick, drop_dead: impl FnOnce(bool)) {
        let _turn = lock(&self.turn);
        if self.is_over(now) {
            let passed = lifetime.saturating_add(now - self.end.load(Acquire));
            // Nothing was written after the first lifetime: its writer would
            // have renewed the epoch. After twice that, some of it would be
            // read as if it were yet to come. So all goes after one and a half.
            drop_dead(passed / 3 > lifetime / 2);
            self.end.store(now.saturating_add(lifetime), Release);
        }
    }
}

/// One bucket of one word. It is alone on its cache lines, because threads that
/// write it would slow down readers of its neighbours.
#[derive(Debug)]
#[repr(align(128))]
pub struct SingleWord {
    word: AtomicU64,
    epoch: Epoch,
}

impl Store<Word> for SingleWord {
    fn new(_capacity: usize, epoch: Epoch, _forgotten: Forgotten) -> Self {
        Self {
            word: AtomicU64::new(Word::EMPTY.0),
            epoch,
        }
    }

    #[inline(always)]
    fn update<T>(
        &self,
        rule: &impl Lifespan<Word>,
        _key: u64,
        clock: impl Fn() -> Tick,
        mut change: impl Change<Word, T>,
    ) -> T {
        let now = clock();
        if self.epoch.is_over(now) {
            self.renew(rule, now);
        }
        let mut seen = self.word.load(Acquire);
        loop {
            let mut next = Word(seen);
            let answer = change.apply(&mut next, now);
            if next.0 == seen {
                return answer;
            }
            // Weak: after a spurious failure it only decides once more.
            match self
                .word
                .compare_exchange_weak(seen, next.0, AcqRel, Acquire)
            {
                Ok(_) => return answer,
                Err(newer) => seen = newer,
            }
        }
    }
}

impl SingleWord {
    #[cold]
    fn renew<R: Lifespan<Word>>(&self, rule: &R, now: Tick) {
        self.epoch.renew(now, rule.lifetime(), |idle| {
            let seen = self.word.load(Acquire);
            if idle || rule.life(&Word(seen), now) == 0 {
                // If another thread was faster, its word is alive.
                let _ = self
                    .word
                    .compare_exchange(seen, Word::EMPTY.0, AcqRel, Acquire);
            }
        });
    }
}

/// One bucket of any state, behind a lock.
#[derive(Debug)]
pub struct LockedState<S> {
    state: Mutex<S>,
}

impl<S: Default + fmt::Debug + Send + 'static> Store<S> for LockedState<S> {
    fn new(_capacity: usize, _epoch: Epoch, _forgotten: Forgotten) -> Self {
        Self {
            state: Mutex::new(S::default()),
        }
    }

    fn update<T>(
        &self,
        _rule: &impl Lifespan<S>,
        _key: u64,
        clock: impl Fn() -> Tick,
        mut change: impl Change<S, T>,
    ) -> T {
        change.apply(&mut lock(&self.state), clock())
    }
}
