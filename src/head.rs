//! What the head of a message says of its body.

use http::{
    HeaderMap, HeaderValue,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};

/// How many bytes it says that there are, if that can be read.
pub(crate) fn content_length(head: &HeaderMap) -> Option<u64> {
    head.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A media type without its parameters, in whatever case.
pub(crate) fn essence(content_type: &HeaderValue) -> &[u8] {
    let parameters = |byte: &u8| *byte == b';';
    let essence = content_type.as_bytes().split(parameters).next();
    essence.unwrap_or_default().trim_ascii()
}

/// Server-sent events last as long as somebody listens.
pub(crate) fn is_event_stream(head: &HeaderMap) -> bool {
    head.get(CONTENT_TYPE)
        .is_some_and(|it| essence(it).eq_ignore_ascii_case(b"text/event-stream"))
}
