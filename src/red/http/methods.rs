//! The gRPC methods of a server. The registry's builder takes them.

use ahash::AHashMap;

/// The gRPC methods of a server, which become labels.
///
/// A server has to list them, because a client may send any path.
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
    /// The names `package.Service/Method`, and whether either side streams.
    pub(super) streams: AHashMap<Box<str>, bool>,
}

impl Methods {
    /// Returns an empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a method with one message each way: `package.Service/Method`.
    ///
    /// # Panics
    ///
    /// Panics if the name does not look like that.
    #[track_caller]
    pub fn unary(self, name: &str) -> Self {
        self.with(name, false)
    }

    /// Adds a method in which either side streams. Its calls have a histogram
    /// of their own, because their duration is not a latency.
    ///
    /// ```should_panic
    /// use sluicegate::red::Methods;
    ///
    /// let _ = Methods::new().streaming("Orders.Watch"); // must be package.Service/Method
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the name does not look like `package.Service/Method`.
    #[track_caller]
    pub fn streaming(self, name: &str) -> Self {
        self.with(name, true)
    }

    /// Adds a method, with or without a leading slash.
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

    /// Returns whether a method streams, or `None` if it is not in the list.
    #[inline]
    pub(crate) fn streams(&self, name: &str) -> Option<bool> {
        self.streams.get(name).copied()
    }

    /// Returns the names of all methods.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.streams.keys().map(AsRef::as_ref)
    }
}
