//! A failed attempt, which is the answer if there is no other.

use http::{Response, response::Parts};
use http_body::Body;

use super::{body::ResponseBody, nested::Repeated};

/// What a failed attempt returned.
pub(super) enum Failure<R: Body, E> {
    Error(E),
    Response(Parts, ResponseBody<R>),
}

impl<R: Body, E> Failure<R, E> {
    pub(super) fn of(response: Response<R>) -> Self {
        let (head, body) = response.into_parts();
        Self::Response(head, ResponseBody::new(body))
    }

    /// Drops the body, so that the call holds no connection, and no permit of a
    /// layer further in, while it waits.
    pub(super) fn without_body(self) -> Self {
        match self {
            Self::Response(head, body) => Self::Response(head, body.without_inner()),
            error => error,
        }
    }

    /// Returns it to the caller, with a mark for layers further out if the call
    /// was repeated.
    pub(super) fn into_result(self, is_repeated: bool) -> Result<Response<ResponseBody<R>>, E> {
        match self {
            Self::Error(error) => Err(error),
            Self::Response(mut head, body) => {
                if is_repeated {
                    head.extensions.insert(Repeated);
                }
                Ok(Response::from_parts(head, body))
            }
        }
    }
}
