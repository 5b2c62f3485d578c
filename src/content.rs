//! Reads from the head of an HTTP message what its body is: its length, its
//! type, and whether there is one. All modules with layers use it.

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING},
};

/// The headers that say what the body of a message is, read in one pass: to
/// look up each one costs its hash.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ContentHeaders<'a> {
    /// The content type.
    pub(crate) content_type: Option<&'a HeaderValue>,
    /// The status of gRPC, which responses without messages have in their head.
    pub(crate) grpc_status: Option<&'a HeaderValue>,
    /// The length that all lines agree on; `Some(None)` if they do not.
    length: Option<Option<u64>>,
    /// Whether the length is that of the transfer, and not of the content.
    has_transfer_encoding: bool,
}

/// The header, or trailer, with the status of a gRPC response.
pub(crate) static GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

impl<'a> ContentHeaders<'a> {
    /// Reads the headers of a message. The first of several equal ones counts.
    pub(crate) fn of(head: &'a HeaderMap) -> Self {
        let mut content = Self::default();
        for (name, value) in head {
            if *name == CONTENT_TYPE {
                content.content_type = content.content_type.or(Some(value));
            } else if *name == CONTENT_LENGTH {
                let length = listed_length(value);
                let before = content.length.unwrap_or(length);
                content.length = Some(before.filter(|_| before == length));
            } else if *name == TRANSFER_ENCODING {
                content.has_transfer_encoding = true;
            } else if *name == GRPC_STATUS {
                content.grpc_status = content.grpc_status.or(Some(value));
            }
        }
        content
    }

    /// Returns the length of the body in bytes; `None` if the head does not
    /// tell it unambiguously.
    ///
    /// A `Transfer-Encoding` overrides the length (RFC 9112, section 6.3). A
    /// list of equal lengths counts as one of them (RFC 9110, section 8.6).
    pub(crate) fn length(&self) -> Option<u64> {
        self.length
            .flatten()
            .filter(|_| !self.has_transfer_encoding)
    }
}

/// Returns the length of the body in bytes; `None` if the head does not tell it
/// unambiguously.
pub(crate) fn content_length(head: &HeaderMap) -> Option<u64> {
    ContentHeaders::of(head).length()
}

/// Returns the length that all items of a list agree on.
fn listed_length(line: &HeaderValue) -> Option<u64> {
    let mut lengths = line.as_bytes().split(|byte| *byte == b',').map(length);
    let first = lengths.next()?;
    first.filter(|_| lengths.all(|it| it == first))
}

/// Parses a length, which consists of digits only. `u64` alone would accept a
/// `+`.
fn length(text: &[u8]) -> Option<u64> {
    let digits = text.trim_ascii();
    let text = str::from_utf8(digits).ok()?;
    let is_number = digits.iter().all(u8::is_ascii_digit);
    text.parse().ok().filter(|_| is_number)
}

/// Which responses have a body, by the method of the request (RFC 9112, section
/// 6.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum BodyAllowed {
    #[default]
    Any,
    /// Responses to CONNECT, unless they are a success, which opens a tunnel.
    Errors,
    /// Responses to HEAD never have a body, whatever their headers say.
    None,
}

impl BodyAllowed {
    pub(crate) fn to(method: &Method) -> Self {
        match *method {
            Method::HEAD => Self::None,
            Method::CONNECT => Self::Errors,
            _ => Self::Any,
        }
    }

    /// Returns whether a response with this status has a body. A 101 has none,
    /// because the connection changes its protocol.
    pub(crate) fn has_body(self, status: StatusCode) -> bool {
        let by_method = match self {
            Self::Any => true,
            Self::Errors => !self.opens_tunnel(status),
            Self::None => false,
        };
        let by_status = !status.is_informational()
            && !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        by_method && by_status
    }

    /// Returns whether a response with this status makes the connection a tunnel
    /// (RFC 9110, section 9.3.6).
    pub(crate) fn opens_tunnel(self, status: StatusCode) -> bool {
        self == Self::Errors && status.is_success()
    }

    /// Returns whether the connection changes its protocol after a response with
    /// this status: to one that was asked for (RFC 9110, section 15.2.2), or to
    /// that of a tunnel.
    pub(crate) fn changes_protocol(self, status: StatusCode) -> bool {
        status == StatusCode::SWITCHING_PROTOCOLS || self.opens_tunnel(status)
    }
}

/// Returns a media type without its parameters. Its case stays.
pub(crate) fn essence(content_type: &HeaderValue) -> &[u8] {
    let parameters = |byte: &u8| *byte == b';';
    let essence = content_type.as_bytes().split(parameters).next();
    essence.unwrap_or_default().trim_ascii()
}

/// Returns whether a media type begins with this name, whatever its case. It
/// rejects most types without a search for their parameters.
#[inline]
fn begins_with(content_type: &HeaderValue, name: &[u8]) -> bool {
    let begin = content_type.as_bytes().trim_ascii_start().get(..name.len());
    begin.is_some_and(|begin| begin.eq_ignore_ascii_case(name))
}

/// Returns whether the body is server-sent events, which last as long as the
/// client listens.
pub(crate) fn is_event_stream(head: &HeaderMap) -> bool {
    head.get(CONTENT_TYPE).is_some_and(is_event_stream_type)
}

/// Returns whether this content type is that of server-sent events.
pub(crate) fn is_event_stream_type(content_type: &HeaderValue) -> bool {
    begins_with(content_type, EVENT_STREAM)
        && essence(content_type).eq_ignore_ascii_case(EVENT_STREAM)
}

/// The content type of server-sent events.
const EVENT_STREAM: &[u8] = b"text/event-stream";

/// The forms of gRPC, which differ in where trailers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grpc {
    /// gRPC over HTTP/2, with HTTP trailers.
    Plain,
    /// gRPC-Web, with trailers at the end of the body.
    Web,
    /// gRPC-Web with a body in base64.
    WebText,
}

/// The content type of gRPC, which those of gRPC-Web extend.
const GRPC: &[u8] = b"application/grpc";

impl Grpc {
    /// Returns the form of a message with this content type; `None` if it is
    /// not gRPC. Ignores case, parameters and the part after a `+`.
    pub(crate) fn of(content_type: &HeaderValue) -> Option<Self> {
        if !begins_with(content_type, GRPC) {
            return None;
        }
        let rest = essence(content_type).get(GRPC.len()..)?;
        let form = rest.split(|byte| *byte == b'+').next()?;
        let forms = [
            (&b""[..], Self::Plain),
            (b"-web", Self::Web),
            (b"-web-text", Self::WebText),
        ];
        let mut forms = forms.into_iter();
        let found = forms.find(|(name, _)| form.eq_ignore_ascii_case(name));
        found.map(|(_, form)| form)
    }

    /// Returns the form of a message with this head.
    pub(crate) fn spoken_in(head: &HeaderMap) -> Option<Self> {
        head.get(CONTENT_TYPE).and_then(Self::of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut head = HeaderMap::new();
        for (name, value) in lines {
            head.append(*name, HeaderValue::from_static(value));
        }
        head
    }

    #[test]
    fn an_ambiguous_length_is_not_read() {
        for (lines, length) in [
            (&[("content-length", "12")][..], Some(12)),
            (&[("content-length", " 12 , 12")], Some(12)),
            (
                &[("content-length", "12"), ("content-length", "12")],
                Some(12),
            ),
            (&[("content-length", "12"), ("content-length", "6")], None),
            (&[("content-length", "12, 6")], None),
            (&[("content-length", "+12")], None),
            (&[("content-length", "")], None),
            (
                &[("content-length", "12"), ("transfer-encoding", "chunked")],
                None,
            ),
            (&[], None),
        ] {
            assert_eq!(content_length(&head(lines)), length, "{lines:?}");
        }
    }

    #[test]
    fn some_responses_have_no_body() {
        let has_body = |method, status| {
            let status = StatusCode::from_u16(status).unwrap();
            BodyAllowed::to(&method).has_body(status)
        };
        assert!(has_body(Method::GET, 200) && has_body(Method::CONNECT, 407));
        assert!(!has_body(Method::HEAD, 200) && !has_body(Method::CONNECT, 200));
        assert!([101, 204, 304].iter().all(|it| !has_body(Method::GET, *it)));
    }

    #[test]
    fn a_101_and_a_tunnel_change_the_protocol() {
        let changes = |method, status| {
            let status = StatusCode::from_u16(status).unwrap();
            BodyAllowed::to(&method).changes_protocol(status)
        };
        assert!(changes(Method::GET, 101) && changes(Method::CONNECT, 200));
        assert!(!changes(Method::GET, 200) && !changes(Method::CONNECT, 407));
    }

    #[test]
    fn grpc_is_recognized_by_its_content_type() {
        for (text, form) in [
            ("application/grpc", Some(Grpc::Plain)),
            ("Application/gRPC+Proto ; charset=utf-8", Some(Grpc::Plain)),
            (" application/grpc;x=y", Some(Grpc::Plain)),
            ("application/grpc-web", Some(Grpc::Web)),
            ("APPLICATION/GRPC-WEB+PROTO", Some(Grpc::Web)),
            ("application/grpc-web-text+proto ; a=b", Some(Grpc::WebText)),
            ("application/grpc-webbed", None),
            ("application/grpcish", None),
            ("application/json", None),
            ("text/plain", None),
        ] {
            assert_eq!(Grpc::of(&HeaderValue::from_static(text)), form, "{text}");
        }
    }
}
