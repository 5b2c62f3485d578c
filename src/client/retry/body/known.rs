//! Which bodies can be sent again, and how.

use bytes::{Buf, Bytes};
use http_body::Body;
use http_body_util::{
    BodyExt, Empty, Full,
    combinators::{BoxBody, UnsyncBoxBody},
};

use super::{
    by_clone::CloneSource,
    repeatable::{BodySource, RepeatableBody},
    taped_body::{TapeSource, TapedBody},
};
use crate::error::BoxError;

impl<D: Buf + Clone> RepeatableBody for Full<D> {
    type Source = CloneSource<Self>;

    fn repeatable(self, max_bytes: usize) -> (Self, Option<Self::Source>) {
        CloneSource::split(self, max_bytes)
    }
}

impl<D: Buf> RepeatableBody for Empty<D> {
    type Source = CloneSource<Self>;

    fn repeatable(self, max_bytes: usize) -> (Self, Option<Self::Source>) {
        CloneSource::split(self, max_bytes)
    }
}

impl RepeatableBody for String {
    type Source = CloneSource<Self>;

    fn repeatable(self, max_bytes: usize) -> (Self, Option<Self::Source>) {
        CloneSource::split(self, max_bytes)
    }
}

impl<B> RepeatableBody for TapedBody<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    type Source = TapeSource<B>;

    fn repeatable(self, max_bytes: usize) -> (Self, Option<Self::Source>) {
        let source = self.record(max_bytes);
        (self, source)
    }
}

/// A [`TapeSource`] whose bodies are boxed again.
#[derive(Debug)]
pub struct BoxedTapeSource<B>(Option<TapeSource<B>>);

/// Implements [`RepeatableBody`] for a boxed body, by the function that boxes
/// one.
macro_rules! boxed {
    ($Body:ty, $new:expr) => {
        impl RepeatableBody for $Body {
            type Source = BoxedTapeSource<Self>;

            fn repeatable(self, max_bytes: usize) -> (Self, Option<Self::Source>) {
                // Nothing has to be recorded of a body that is empty.
                if self.is_end_stream() {
                    return (self, Some(BoxedTapeSource(None)));
                }
                let body = TapedBody::new(self);
                let source = body.record(max_bytes);
                (
                    $new(body),
                    source.map(|source| BoxedTapeSource(Some(source))),
                )
            }
        }

        impl BodySource<$Body> for BoxedTapeSource<$Body> {
            fn next(&mut self) -> Option<$Body> {
                match &mut self.0 {
                    Some(source) => source.next().map($new),
                    None => Some(<$Body>::default()),
                }
            }

            fn is_read(&self) -> bool {
                self.0.as_ref().is_none_or(BodySource::is_read)
            }
        }
    };
}

boxed!(BoxBody<Bytes, BoxError>, BodyExt::boxed);
boxed!(UnsyncBoxBody<Bytes, BoxError>, BodyExt::boxed_unsync);
#[cfg(feature = "axum")]
boxed!(axum::body::Body, axum::body::Body::new);
#[cfg(feature = "tonic")]
boxed!(tonic::body::Body, tonic::body::Body::new);
