//! The failure of an attempt, which the caller gets if no other attempt follows.

use http::Response;
use http_body::Body;

use super::{body::ResponseBody, nested::Repeated};

/// The error or the response of a failed attempt. Only failures pay for the box, which keeps
/// the future of all calls small.
pub(super) enum FailedAttempt<R: Body, E> {
    Error(E),
    Response(Box<Response<ResponseBody<R>>>),
}

impl<R: Body, E> FailedAttempt<R, E> {
    pub(super) fn of(response: Response<ResponseBody<R>>) -> Self {
        Self::Response(Box::new(response))
    }

    /// Drops the body, so that the call holds no connection, and no permit of a
    /// layer further in, while it waits.
    pub(super) fn without_body(self) -> Self {
        match self {
            Self::Response(response) => Self::of(response.map(ResponseBody::without_inner)),
            error => error,
        }
    }

    /// Returns it to the caller, with a mark for layers further out if the call
    /// was repeated.
    pub(super) fn into_result(self, is_repeated: bool) -> Result<Response<ResponseBody<R>>, E> {
        match self {
            Self::Error(error) => Err(error),
            Self::Response(mut response) => {
                if is_repeated {
                    response.extensions_mut().insert(Repeated);
                }
                Ok(*response)
            }
        }
    }
}
