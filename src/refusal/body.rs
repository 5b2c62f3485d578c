//! Response bodies that are made from the text of a problem. An
//! [`Answer`](super::Answer) makes them.

use bytes::Bytes;
use http_body_util::{
    BodyExt, Empty, Full,
    combinators::{BoxBody, UnsyncBoxBody},
};

/// A response body that can be made from text, so that an
/// [`Answer`](super::Answer)(super::Answer) can explain a refusal in it.
///
/// Implemented for `String`, `Vec<u8>`, `Bytes`, `Full<Bytes>`, the boxed
/// bodies of `http-body-util` over `Bytes`, the bodies of axum and tonic (with
/// the features of these names), and the bodies of this crate's own layers over
/// any of them. `()` and `Empty<Bytes>` implement it and drop the text.
///
/// The text is empty for gRPC, whose refusals have no body. A body that is made
/// from empty text has to report its end (`is_end_stream`), because gRPC
/// clients do not see the status otherwise.
///
/// ```
/// use sluicegate::refusal::FromText;
///
/// struct Json(Vec<u8>);
///
/// impl FromText for Json {
///     fn from_text(text: String) -> Self {
///         Self(text.into_bytes())
///     }
/// }
/// # let _ = Json::from_text(String::new()).0;
/// ```
///
/// A layer that refuses does not compile around a layer that changes the type
/// of bodies, such as tower-http's `TraceLayer`:
///
/// ```compile_fail,E0277
/// use axum::{Router, body::Body, routing::get};
/// use sluicegate::limit::{Local, Quota, RateLimitLayer, TokenBucket};
/// use tower::ServiceBuilder;
/// use tower_http::trace::TraceLayer;
///
/// let limiter = Local::direct(TokenBucket::new(Quota::per_second(10)));
/// let stack = ServiceBuilder::new()
///     .layer(RateLimitLayer::new(limiter))
///     .layer(TraceLayer::new_for_http());
/// let app: Router = Router::new().route("/", get(|| async { "hello" })).layer(stack);
/// ```
///
/// Put it inside that layer, or box the body between the two:
///
/// ```
/// # use axum::{Router, body::Body, routing::get};
/// # use sluicegate::limit::{Local, Quota, RateLimitLayer, TokenBucket};
/// # use tower::ServiceBuilder;
/// # use tower_http::trace::TraceLayer;
/// use tower_http::map_response_body::MapResponseBodyLayer;
///
/// # let limiter = Local::direct(TokenBucket::new(Quota::per_second(10)));
/// let stack = ServiceBuilder::new()
///     .layer(RateLimitLayer::new(limiter))
///     .layer(MapResponseBodyLayer::new(Body::new))
///     .layer(TraceLayer::new_for_http());
/// let app: Router = Router::new().route("/", get(|| async { "hello" })).layer(stack);
/// ```
#[diagnostic::on_unimplemented(
    message = "a refusal cannot be written into a response body of type `{Self}`",
    label = "this body cannot be made from text",
    note = "axum's body needs the feature `axum` of sluicegate, and tonic's the feature `tonic`",
    note = "make the body by a closure: `.refuse_with(Answer::new().body(|text| ...))`, or leave it \
            empty: `.refuse_with(Answer::new().without_body())`",
    note = "inside a layer that changes the body's type, such as `TraceLayer` or \
            `CompressionLayer`, put this layer further in, or \
            `MapResponseBodyLayer::new(axum::body::Body::new)` between the two"
)]
pub trait FromText {
    /// Creates a body with this text.
    fn from_text(text: String) -> Self;
}

/// Drops the text, because the body never carries any.
impl FromText for () {
    fn from_text(_text: String) -> Self {}
}

/// Drops the text, because the body never carries any.
impl FromText for Empty<Bytes> {
    fn from_text(_text: String) -> Self {
        Self::new()
    }
}

impl FromText for String {
    fn from_text(text: String) -> Self {
        text
    }
}

impl FromText for Vec<u8> {
    fn from_text(text: String) -> Self {
        text.into_bytes()
    }
}

impl FromText for Bytes {
    fn from_text(text: String) -> Self {
        text.into()
    }
}

impl FromText for Full<Bytes> {
    fn from_text(text: String) -> Self {
        text.into()
    }
}

impl<E> FromText for BoxBody<Bytes, E> {
    fn from_text(text: String) -> Self {
        let whole = Full::<Bytes>::from(text);
        whole.map_err(|never| match never {}).boxed()
    }
}

impl<E> FromText for UnsyncBoxBody<Bytes, E> {
    fn from_text(text: String) -> Self {
        let whole = Full::<Bytes>::from(text);
        whole.map_err(|never| match never {}).boxed_unsync()
    }
}

#[cfg(feature = "axum")]
impl FromText for axum::body::Body {
    fn from_text(text: String) -> Self {
        text.into()
    }
}

#[cfg(feature = "tonic")]
impl FromText for tonic::body::Body {
    fn from_text(text: String) -> Self {
        Self::new(Full::<Bytes>::from(text))
    }
}

/// Makes bodies with [`FromText`]: the default of an [`Answer`](super::Answer).
#[derive(Clone, Copy, Debug, Default)]
pub struct Text;

/// Makes bodies with [`Default`]: an [`Answer`](super::Answer) [without a
/// body](super::Answer::without_body).
#[derive(Clone, Copy, Debug, Default)]
pub struct NoText;

/// Makes a body from text. Implemented for [`Text`], [`NoText`] and closures.
pub trait Fill<B> {
    /// Whether the body contains the text.
    const HAS_TEXT: bool = true;

    /// Creates the body. It is empty if the text is.
    fn fill(&self, text: String) -> B;
}

impl<B: FromText> Fill<B> for Text {
    fn fill(&self, text: String) -> B {
        B::from_text(text)
    }
}

impl<B: Default> Fill<B> for NoText {
    const HAS_TEXT: bool = false;

    fn fill(&self, _text: String) -> B {
        B::default()
    }
}

impl<B, F: Fn(String) -> B> Fill<B> for F {
    fn fill(&self, text: String) -> B {
        self(text)
    }
}

#[cfg(test)]
mod tests {
    use http_body::Body;

    use super::*;

    fn is_at_its_end<B: FromText + Body>() -> bool {
        B::from_text(String::new()).is_end_stream()
    }

    #[test]
    fn a_body_of_no_text_is_at_its_end() {
        assert!(is_at_its_end::<String>());
        assert!(is_at_its_end::<Full<Bytes>>());
        assert!(is_at_its_end::<BoxBody<Bytes, std::io::Error>>());
        assert!(is_at_its_end::<UnsyncBoxBody<Bytes, std::io::Error>>());
        #[cfg(feature = "axum")]
        assert!(is_at_its_end::<axum::body::Body>());
        #[cfg(feature = "tonic")]
        assert!(is_at_its_end::<tonic::body::Body>());
    }

    #[test]
    fn a_body_carries_its_text() {
        assert_eq!(<String>::from_text("x".into()), "x");
        assert_eq!(<Vec<u8>>::from_text("x".into()), b"x");
        assert_eq!(<Bytes>::from_text("x".into()), "x");
        assert_eq!(
            <Full<Bytes>>::from_text("x".into()).size_hint().exact(),
            Some(1)
        );
    }
}
