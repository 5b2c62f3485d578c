//! What threads count apart from one another.

use crate::red::registry::{series::thread_number, stripes};

/// One for each of some groups of threads, so that none waits for a cache line that
/// another one writes to.
pub(crate) struct Striped<T>(Box<[Padded<T>]>);

#[derive(Default)]
#[repr(align(64))]
struct Padded<T>(T);

impl<T> Striped<T> {
    pub(crate) fn new(make: impl Fn() -> T) -> Self {
        Self((0..stripes()).map(|_| Padded(make())).collect())
    }

    /// That of this thread.
    #[inline]
    pub(crate) fn own(&self) -> &T {
        // There is a power of two of them.
        &self.0[thread_number() & (self.0.len() - 1)].0
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|stripe| &stripe.0)
    }
}

impl<T: Default> Default for Striped<T> {
    fn default() -> Self {
        Self::new(T::default)
    }
}
