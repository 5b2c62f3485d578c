//! Runtimes that stop while others depend on them. Test binaries include this file
//! by its path.

#![allow(dead_code, reason = "no test binary uses all of it")]

use std::{
    future::Future,
    sync::{Barrier, mpsc},
    thread,
    time::Duration,
};

use tokio::{
    runtime::{Builder, Runtime},
    time::timeout,
};

/// The fate of the runtime that was the first to use a shared value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum First {
    /// It exists, but no thread drives it.
    Idle,
    /// A task blocks its only thread.
    Blocked,
    Dropped,
}

/// The clock of a runtime.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Time {
    Real,
    /// Time jumps to the next timer.
    Paused,
}

impl First {
    pub(crate) const ALL: [Self; 3] = [Self::Idle, Self::Blocked, Self::Dropped];

    /// Runs `begin` on a runtime to which this happens, and `then` on another one.
    pub(crate) fn then<T: Send>(
        self,
        time: Time,
        begin: impl AsyncFnOnce() -> T + Send,
        then: impl AsyncFnOnce(T),
    ) {
        if let Self::Blocked = self {
            return blocked(time, begin, then);
        }
        let first = time.runtime();
        let begun = time.run(&first, begin());
        let first = Some(first).filter(|_| matches!(self, Self::Idle));
        time.run(&time.runtime(), then(begun));
        drop(first);
    }
}

fn blocked<T: Send>(time: Time, begin: impl AsyncFnOnce() -> T + Send, then: impl AsyncFnOnce(T)) {
    thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        scope.spawn(move || {
            let blocking = async {
                let _ = tell.send(begin().await);
                // Blocks until the other end is dropped, also by a panic.
                let _ = released.recv();
            };
            time.runtime().block_on(blocking);
        });
        let release = release;
        let begun = told.recv().expect("the first runtime has begun");
        time.run(&time.runtime(), then(begun));
        drop(release);
    });
}

impl Time {
    /// Returns a runtime with one thread.
    pub(crate) fn runtime(self) -> Runtime {
        let mut builder = Builder::new_current_thread();
        let builder = builder.enable_all();
        let builder = builder.start_paused(matches!(self, Self::Paused));
        builder.build().expect("a runtime")
    }

    /// Runs the work to its end, within a bound that fails a hanging test.
    fn run<T>(self, runtime: &Runtime, work: impl Future<Output = T>) -> T {
        let bound = match self {
            Self::Real => Duration::from_secs(60),
            Self::Paused => Duration::from_secs(86_400),
        };
        let bounded = runtime.block_on(async { timeout(bound, work).await });
        bounded.expect("the work ends in time")
    }

    /// Runs the work on two runtimes at once, each with its own thread.
    pub(crate) fn side_by_side(self, work: impl AsyncFn(usize) + Sync) {
        let both = Barrier::new(2);
        thread::scope(|scope| {
            for nth in 0..2 {
                let (both, work) = (&both, &work);
                scope.spawn(move || {
                    both.wait();
                    self.run(&self.runtime(), work(nth));
                });
            }
        });
    }

    /// Runs the work on several runtimes, each of which ends before the next begins.
    pub(crate) fn one_after_the_other(self, runtimes: usize, work: impl AsyncFn(usize)) {
        for nth in 0..runtimes {
            self.run(&self.runtime(), work(nth));
        }
    }
}
