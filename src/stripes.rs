//! How threads are spread over stripes. The series of `red`, the counts of
//! limiters and deadlines, and the budget of rejections use it.

use std::{
    cell::Cell,
    num::NonZero,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// The most stripes: with more threads, several share the cache lines of one.
const MAX_STRIPES: usize = 8;

/// One `T` for each group of threads, so that threads do not write to the same
/// cache lines. Readers add up all of them.
pub(crate) struct Striped<T>(Box<[Padded<T>]>);

/// A value that has its cache lines to itself.
#[derive(Default)]
#[repr(align(64))]
struct Padded<T>(T);

impl<T> Striped<T> {
    /// Makes a value for each group of threads.
    pub(crate) fn new(make: impl Fn() -> T) -> Self {
        Self((0..stripe_count()).map(|_| Padded(make())).collect())
    }

    /// Returns the value that this thread counts in.
    #[inline]
    pub(crate) fn own(&self) -> &T {
        // The number of stripes is a power of two.
        self.numbered(self.own_number())
    }

    /// Returns the number of the value that this thread counts in.
    #[inline]
    pub(crate) fn own_number(&self) -> usize {
        thread_number() & (self.0.len() - 1)
    }

    /// Returns the value with this number.
    #[inline]
    pub(crate) fn numbered(&self, number: usize) -> &T {
        &self.0[number].0
    }

    /// Returns the values of all groups.
    pub(crate) fn all(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|stripe| &stripe.0)
    }
}

impl<T: Default> Default for Striped<T> {
    fn default() -> Self {
        Self::new(T::default)
    }
}

/// Returns the number of stripes for this machine: a power of two.
pub(crate) fn stripe_count() -> usize {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    threads.next_power_of_two().min(MAX_STRIPES)
}

/// Returns the number of this thread, in the order of their first calls.
#[inline]
pub(crate) fn thread_number() -> usize {
    thread_local! {
        static NUMBER: Cell<Option<usize>> = const { Cell::new(None) };
    }
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    // Fails while the thread is being torn down; any stripe will do then.
    let number = NUMBER.try_with(|number| {
        number.get().unwrap_or_else(|| {
            let next = NEXT.fetch_add(1, Ordering::Relaxed);
            number.set(Some(next));
            next
        })
    });
    number.unwrap_or_default()
}
