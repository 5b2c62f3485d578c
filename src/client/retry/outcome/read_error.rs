//! How an application reads errors of its own.

use std::{any::Any, error::Error, marker::PhantomData};

use super::finding::Progress;

/// Reads errors of one type.
pub(in crate::client::retry) trait ReadError: Send + Sync {
    /// Returns how far the call has come, if this is such an error and says so.
    fn read(&self, error: &dyn Any) -> Option<Progress>;

    /// The same for an error that is boxed, or a source of another.
    fn read_link(&self, error: &(dyn Error + 'static)) -> Option<Progress>;
}

/// A function of the application.
pub(in crate::client::retry) struct ErrorReader<E, F> {
    read: F,
    error: PhantomData<fn(&E)>,
}

impl<E, F> ErrorReader<E, F> {
    pub(in crate::client::retry) fn new(read: F) -> Self {
        let error = PhantomData;
        Self { read, error }
    }
}

impl<E, F> ReadError for ErrorReader<E, F>
where
    E: Error + 'static,
    F: Fn(&E) -> Option<Progress> + Send + Sync,
{
    fn read(&self, error: &dyn Any) -> Option<Progress> {
        error.downcast_ref().and_then(&self.read)
    }

    fn read_link(&self, error: &(dyn Error + 'static)) -> Option<Progress> {
        error.downcast_ref().and_then(&self.read)
    }
}
