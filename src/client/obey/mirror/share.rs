//! The pace of a client that is not alone on a quota.
//!
//! No client can know what the others send. Each sees how much is left in the
//! reports about its own calls, and steers by that: above the level it aims at
//! it sends faster, below it slower. All of them see the same level, so they
//! settle where together they use what comes in.

use std::time::Duration;

use tokio::time::Instant;

/// How quickly the pace follows the level: the share of the error that is added
/// at each report. Clients that speed up too fast collide, and those that were
/// refused together come back together.
const SPEED_UP: f64 = 0.03;
const SLOW_DOWN: f64 = 0.05;

/// How much the level changes the pace at once.
const PROPORTIONAL: f64 = 0.5;

/// The factor of a pace when the server refuses.
const BACKOFF: f64 = 0.7;

/// For how long others count as there, at least and at most.
const MIN_PATIENCE: Duration = Duration::from_secs(10);
const MAX_PATIENCE: Duration = Duration::from_secs(86_400);

/// The reports of a quota, as the pace needs them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    /// Units that come back in a second.
    pub(super) rate: f64,
    pub(super) limit: f64,
    pub(super) left: f64,
    /// The share of the window that is left, if the whole quota comes back at
    /// its end.
    pub(super) window_left: Option<f64>,
}

/// A pace, in calls a second.
#[derive(Debug)]
pub(super) struct Share {
    pace: f64,
    /// By how much the last level differs from the one aimed at, from -1 to 1.
    error: f64,
    /// A random part of the interval, so that clients that were refused
    /// together do not return together.
    phase: f64,
    /// The last time that others were seen.
    pub(super) seen: Instant,
}

impl Share {
    /// Begins with the share that this client had of all calls.
    pub(super) fn new(level: Level, own: f64, all: f64, now: Instant, phase: f64) -> Self {
        let share = (own / all.max(1.0)).clamp(1e-3, 1.0);
        let mut this = Self {
            pace: level.rate * share,
            error: 0.0,
            phase,
            seen: now,
        };
        this.error = this.error_at(level);
        this
    }

    /// Follows a report.
    pub(super) fn follow(&mut self, level: Level, phase: f64) {
        self.phase = phase;
        self.error = self.error_at(level);
        let follow = if self.error > 0.0 {
            SPEED_UP
        } else {
            SLOW_DOWN
        };
        let step = (follow * self.error).exp();
        self.pace = (self.pace * step).clamp(level.rate * 1e-4, level.rate * 4.0);
    }

    /// Keeps the share of a quota whose rate has changed by this factor.
    pub(super) fn scale(&mut self, ratio: f64) {
        self.pace *= ratio;
    }

    /// Slows down after a refusal.
    pub(super) fn refused(&mut self) {
        self.pace *= BACKOFF;
    }

    /// Returns the time between two calls.
    pub(super) fn interval(&self) -> Duration {
        let pace = self.pace * (1.0 + PROPORTIONAL * self.error);
        Duration::try_from_secs_f64(1.0 / pace.max(1e-6)).unwrap_or(Duration::MAX)
    }

    /// Returns how long after the others this client finds out whether there is
    /// more.
    pub(super) fn lag(&self, cap: Duration) -> Duration {
        self.interval().min(cap).mul_f64(self.phase)
    }

    /// Returns for how long others count as there after they were seen.
    pub(super) fn patience(&self, window: Duration) -> Duration {
        let reports = self.interval().saturating_mul(20);
        reports.max(window * 2).clamp(MIN_PATIENCE, MAX_PATIENCE)
    }

    /// Returns how many clients there seem to be.
    pub(super) fn clients(&self, rate: f64) -> f64 {
        (rate / self.pace.max(1e-9)).max(1.0)
    }

    fn error_at(&self, level: Level) -> f64 {
        // Each client acts on a level that is as old as its last call, so the
        // level moves by a call of some of them before they react.
        let reserve = (0.6 * level.limit.sqrt()).max(0.3 * self.clients(level.rate));
        let reserve = reserve.clamp(1.0, (level.limit / 2.0).max(1.0));
        let aim = match level.window_left {
            Some(left) => reserve / 2.0 + (level.limit - reserve / 2.0) * left,
            None => reserve,
        };
        ((level.left - aim) / reserve).clamp(-1.0, 1.0)
    }
}
