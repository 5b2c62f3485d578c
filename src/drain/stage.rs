//! The stages of a drain, as users see them.

/// How far a drain has come. Stages follow one another and are never left
/// backwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// The drain has not begun.
    Serving,
    /// The readiness check fails, so that load balancers send their requests
    /// elsewhere. Requests that come even so are served.
    LameDuck,
    /// No connections are accepted, late requests are refused, and those in
    /// flight go on.
    Draining,
    /// Work is told to stop: its [`Cancellation`](crate::deadline::Cancellation)
    /// fires. Streams that do not end by themselves get their last words.
    Cancelling,
    /// All that is left is dropped.
    Aborting,
    /// Nothing is in flight, or the budget is used up.
    Ended,
}

impl Stage {
    /// All stages, in their order.
    pub const ALL: [Self; 6] = [
        Self::Serving,
        Self::LameDuck,
        Self::Draining,
        Self::Cancelling,
        Self::Aborting,
        Self::Ended,
    ];

    /// Returns the value of the label `stage` in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::LameDuck => "lame_duck",
            Self::Draining => "draining",
            Self::Cancelling => "cancelling",
            Self::Aborting => "aborting",
            Self::Ended => "ended",
        }
    }
}
