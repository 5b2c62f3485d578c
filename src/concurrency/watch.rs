//! The numbers of a limit that metrics show, whether it is in this process or
//! of a fleet.

#[cfg(feature = "redis")]
use super::redis::RedisCounts;
use super::{
    adaptive::Estimate,
    gate::Usage,
    local::{Keying, Local},
};
use crate::limit::{Direct, Keyed};

/// The numbers of a limit at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitReading {
    pub(crate) usage: Usage,
    /// The durations by which it was found; `None` if it does not move by
    /// itself.
    pub(crate) estimate: Option<Estimate>,
    /// `None` for a limit of this process.
    #[cfg(feature = "redis")]
    pub(crate) fleet: Option<FleetReading>,
}

/// The part of a fleet in the numbers of a limit.
#[cfg(feature = "redis")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FleetReading {
    pub(crate) counts: RedisCounts,
    /// The number of instances; 0 if it is not known.
    pub(crate) instances: u32,
}

/// A limit that a [registry](crate::red::Registry::concurrency) can show: a
/// [`Local`], or a `Redis`.
///
/// It is public only because it is a bound of public functions.
pub trait Watch: sealed::Sealed {
    /// Returns the name of the limit.
    #[doc(hidden)]
    fn label(&self) -> &str;

    /// Returns a function that reads the numbers; `None` once the limiter is
    /// gone.
    #[doc(hidden)]
    fn watch(&self) -> impl Fn() -> Option<LimitReading> + Send + Sync + 'static;
}

impl Watch for Local<Direct> {
    fn label(&self) -> &str {
        self.name()
    }

    fn watch(&self) -> impl Fn() -> Option<LimitReading> + Send + Sync + 'static {
        let limit = self.clone();
        move || Some(LimitReading::new(limit.usage(), limit.estimate()))
    }
}

impl Watch for Local<Keyed> {
    fn label(&self) -> &str {
        self.name()
    }

    fn watch(&self) -> impl Fn() -> Option<LimitReading> + Send + Sync + 'static {
        let limit = self.clone();
        move || Some(LimitReading::new(limit.usage(), None))
    }
}

impl LimitReading {
    fn new(usage: Usage, estimate: Option<Estimate>) -> Self {
        Self {
            usage,
            estimate,
            #[cfg(feature = "redis")]
            fleet: None,
        }
    }

    /// Reads this instance of a limit that a fleet shares.
    #[cfg(feature = "redis")]
    pub(in crate::concurrency) fn of_fleet(
        usage: Usage,
        counts: RedisCounts,
        instances: u32,
    ) -> Self {
        Self {
            fleet: Some(FleetReading { counts, instances }),
            ..Self::new(usage, None)
        }
    }
}

/// Keeps others from implementing [`Watch`], which may get more methods.
pub(in crate::concurrency) mod sealed {
    pub trait Sealed {}
    impl<S: super::Keying> Sealed for super::Local<S> {}
}
