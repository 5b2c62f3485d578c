//! What the head of a message says of its body.

use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING},
};

/// Returns how many bytes the head says that there are, if that can be read.
///
/// A `Transfer-Encoding` overrides the length (RFC 9112, section 6.3), and a list of
/// equal lengths is one of them (RFC 9110, section 8.6).
pub(crate) fn content_length(head: &HeaderMap) -> Option<u64> {
    let lines = head.get_all(CONTENT_LENGTH).iter();
    let listed = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    let mut lengths = listed.map(length);
    let first = lengths.next()??;
    let is_sure = lengths.all(|it| it == Some(first)) && !head.contains_key(TRANSFER_ENCODING);
    is_sure.then_some(first)
}

/// Digits and nothing else: a `+` is part of no length.
fn length(text: &[u8]) -> Option<u64> {
    let digits = text.trim_ascii();
    let text = str::from_utf8(digits).ok()?;
    let is_number = digits.iter().all(u8::is_ascii_digit);
    text.parse().ok().filter(|_| is_number)
}

/// Which responses to a method have a body (RFC 9112, section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allowed {
    Any,
    /// To CONNECT: all but a success, after which there is a tunnel.
    Errors,
    /// To HEAD, whatever the headers say.
    None,
}

impl Allowed {
    pub(crate) fn to(method: &Method) -> Self {
        match *method {
            Method::HEAD => Self::None,
            Method::CONNECT => Self::Errors,
            _ => Self::Any,
        }
    }

    /// Returns whether a response of this status has a body. After a 101 the
    /// connection speaks another protocol.
    pub(crate) fn has_body(self, status: StatusCode) -> bool {
        let by_method = match self {
            Self::Any => true,
            Self::Errors => !status.is_success(),
            Self::None => false,
        };
        let by_status = !status.is_informational()
            && !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        by_method && by_status
    }
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

/// How gRPC is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grpc {
    /// With trailers of HTTP.
    Plain,
    /// gRPC-Web: with trailers at the end of the body.
    Web,
    /// gRPC-Web, all of whose body is in base64.
    WebText,
}

const GRPC: &[u8] = b"application/grpc";

impl Grpc {
    /// Returns how gRPC is spoken in a message of this content type; `None` if it is
    /// another type. Case and parameters do not matter, nor what follows a `+`.
    pub(crate) fn of(content_type: &HeaderValue) -> Option<Self> {
        let (name, rest) = essence(content_type).split_at_checked(GRPC.len())?;
        if !name.eq_ignore_ascii_case(GRPC) {
            return None;
        }
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

    /// The same of a message with this head.
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
    fn a_length_is_read_only_if_there_is_no_doubt() {
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
            Allowed::to(&method).has_body(status)
        };
        assert!(has_body(Method::GET, 200) && has_body(Method::CONNECT, 407));
        assert!(!has_body(Method::HEAD, 200) && !has_body(Method::CONNECT, 200));
        assert!([101, 204, 304].iter().all(|it| !has_body(Method::GET, *it)));
    }

    #[test]
    fn grpc_is_known_by_its_content_type() {
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
