//! Which protocol is spoken, and what is said of a refusal at its end.

use http::{HeaderMap, HeaderValue, Request, header::CONTENT_TYPE};

use super::refusal::Refusal;
use crate::content::Grpc;

/// Whether a content type is one of gRPC's, or of gRPC-Web's.
pub(crate) fn is_grpc(content_type: &HeaderValue) -> bool {
    Grpc::of(content_type).is_some()
}

/// What a [`Refuse`](super::Refuse) is shown of a request that is gone: what says
/// in which way to answer.
pub(crate) fn stub(content_type: Option<HeaderValue>) -> Request<()> {
    let mut request = Request::new(());
    if let Some(content_type) = content_type {
        request.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    request
}

/// The trailers that end an answer to a request of this content type; `None`
/// where a refusal cannot be told in trailers of HTTP, as in gRPC-Web.
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
