//! The gRPC methods that a server has.

use ahash::AHashMap;

/// The gRPC methods that a server has, for labels: a path may be anything that
/// somebody sends.
///
/// ```
/// use sluicegate::red::Methods;
///
/// let methods = Methods::new()
///     .unary("grpc.health.v1.Health/Check")
///     .streaming("grpc.health.v1.Health/Watch");
/// # let _ = methods;
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Methods {
    /// Whether either side streams.
    pub(super) streams: AHashMap<Box<str>, bool>,
}

impl Methods {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more, of one message each way: `package.Service/Method`.
    #[track_caller]
    pub fn unary(self, name: &str) -> Self {
        self.with(name, false)
    }

    /// One more, of streams. How long it takes says nothing of its latency, so it
    /// is counted apart.
    #[track_caller]
    pub fn streaming(self, name: &str) -> Self {
        self.with(name, true)
    }

    #[track_caller]
    fn with(mut self, name: &str, streams: bool) -> Self {
        let name = name.strip_prefix('/').unwrap_or(name);
        assert!(
            name.split_once('/').is_some_and(|(service, method)| {
                !service.is_empty() && !method.is_empty() && !method.contains('/')
            }),
            "invalid method {name:?}: must be package.Service/Method"
        );
        self.streams.insert(name.into(), streams);
        self
    }

    /// Whether it streams, if it is known.
    #[inline]
    pub(crate) fn streams(&self, name: &str) -> Option<bool> {
        self.streams.get(name).copied()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.streams.keys().map(AsRef::as_ref)
    }
}
