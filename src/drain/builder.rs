//! The settings of a drain.

use std::{sync::Arc, time::Duration};

use super::{
    drain::Drain,
    observe::Observe,
    state::{BUDGET, DrainState, Schedule},
};
use crate::error::{InvalidSetting, valid};

/// Builds a [`Drain`]. The stages share one budget, which begins with the first
/// signal.
///
/// | part | default | set by |
/// |---|---|---|
/// | lame duck | 5 s | [`lame_duck`](Self::lame_duck) |
/// | draining | what the others leave: 17 s | [`budget`](Self::budget) |
/// | cancelling | 2 s | [`cancelling`](Self::cancelling) |
/// | abort and [hooks](Drain::at_end) | 1 s | [`closing`](Self::closing) |
///
/// ```
/// use std::time::Duration;
/// use sluicegate::drain::Drain;
///
/// let drain = Drain::builder()
///     .budget(Duration::from_secs(50))
///     .lame_duck(Duration::from_secs(10))
///     // `terminationGracePeriodSeconds: 60`
///     .termination_grace_period(Duration::from_secs(60))
///     .build();
/// # let _ = drain;
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is built"]
pub struct Builder {
    schedule: Schedule,
    observer: Option<Arc<dyn Observe>>,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            schedule: Schedule::of(BUDGET),
            observer: None,
        }
    }

    /// Sets the time from the first signal to the end of everything. The default
    /// is 25 s, because Kubernetes kills a container after 30 s.
    pub fn budget(self, budget: Duration) -> Self {
        self.with(|schedule| schedule.budget = budget)
    }

    /// Sets how long requests are served after the readiness check has begun to
    /// fail. It has to be as long as load balancers need to notice that: the
    /// period of their check, times the failures that they wait for. The
    /// default is 5 s; on a laptop, 0 is enough.
    pub fn lame_duck(self, lame_duck: Duration) -> Self {
        self.with(|schedule| schedule.lame_duck = lame_duck)
    }

    /// Sets the time between the cancellations and the abort. Streams get their
    /// last words in the middle of it. The default is 2 s.
    pub fn cancelling(self, cancelling: Duration) -> Self {
        self.with(|schedule| schedule.cancelling = cancelling)
    }

    /// Sets the last part of the budget, which comes after the last request.
    /// The server has half of it to tell clients of the abort, and the
    /// [hooks](Drain::at_end) have the rest. The default is 1 s.
    pub fn closing(self, closing: Duration) -> Self {
        self.with(|schedule| schedule.closing = closing)
    }

    /// Checks the budget against the time after which the process is killed,
    /// such as `terminationGracePeriodSeconds` of Kubernetes. That counts from
    /// before a `preStop` hook runs, so subtract its duration.
    pub fn termination_grace_period(self, grace_period: Duration) -> Self {
        self.with(|schedule| schedule.grace_period = Some(grace_period))
    }

    /// Notifies this observer of each stage, and of requests that end while it
    /// drains.
    pub fn observe(self, observer: Arc<dyn Observe>) -> Self {
        Self {
            observer: Some(observer),
            ..self
        }
    }

    /// Builds the drain.
    ///
    /// # Panics
    ///
    /// When the parts leave nothing of the budget for draining, when the budget
    /// is more than a day, or when the process would be killed before its end.
    #[track_caller]
    pub fn build(self) -> Drain {
        valid(self.try_build())
    }

    /// Builds the drain from settings of a configuration.
    ///
    /// # Errors
    ///
    /// Where [`build`](Self::build) panics.
    pub fn try_build(self) -> Result<Drain, InvalidSetting> {
        let schedule = self.schedule.checked()?;
        let state = DrainState::new(schedule, self.observer);
        Ok(Drain(Arc::new(state)))
    }

    fn with(mut self, set: impl FnOnce(&mut Schedule)) -> Self {
        set(&mut self.schedule);
        self
    }
}
