//! How to answer a request of which only the content type is left. The layers
//! of `deadline` and `idempotency` need it after the handler has taken the
//! request, or when a response has begun and only its trailers can still tell
//! of a refusal.

use http::{HeaderMap, HeaderValue, Request, header::CONTENT_TYPE};

use super::refusal::Refusal;
use crate::content::Grpc;

/// Returns whether a content type is one of gRPC or gRPC-Web.
pub(crate) fn is_grpc(content_type: &HeaderValue) -> bool {
    Grpc::of(content_type).is_some()
}

/// Returns a request that tells a [`Refuse`](super::Refuse) which protocol to
/// answer in, in place of a request that is gone.
pub(crate) fn request_stub(content_type: Option<HeaderValue>) -> Request<()> {
    let mut request = Request::new(());
    if let Some(content_type) = content_type {
        request.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    request
}

/// Returns the trailers that end a response to a request of this content type;
/// `None` if the protocol has no HTTP trailers, as in gRPC-Web.
#[cfg(feature = "grpc")]
pub(crate) fn trailers(refusal: &Refusal, content_type: Option<&HeaderValue>) -> Option<HeaderMap> {
    content_type.filter(|it| Grpc::of(it) == Some(Grpc::Plain))?;
    let mut trailers = HeaderMap::new();
    super::grpc::write(refusal, &mut trailers);
    Some(trailers)
}

#[cfg(not(feature = "grpc"))]
pub(crate) fn trailers(
    _refusal: &Refusal,
    _content_type: Option<&HeaderValue>,
) -> Option<HeaderMap> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "grpc")]
    #[test]
    fn grpc_web_has_no_trailers() {
        let refusal = Refusal::deadline_exceeded();
        let trailers = |value| trailers(&refusal, Some(&HeaderValue::from_static(value)));
        assert_eq!(trailers("application/grpc").unwrap()["grpc-status"], "4");
        assert_eq!(trailers("application/grpc-web+proto"), None);
        assert_eq!(trailers("application/json"), None);
    }
}
