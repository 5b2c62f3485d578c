//! The id of a trace, and the header `traceparent` that carries it.

use std::fmt;

use http::{HeaderMap, HeaderName};

/// The id of a trace, as W3C's Trace Context defines it; never all zeros.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId([u8; 16]);

impl TraceId {
    /// Returns the id with these bytes; `None` if all are 0, which means no
    /// trace.
    ///
    /// ```
    /// use sluicegate::red::TraceId;
    ///
    /// assert_eq!(TraceId::from_bytes([0; 16]), None);
    /// let trace = TraceId::from_bytes([7; 16]).unwrap();
    /// assert_eq!(trace.to_string(), "07070707070707070707070707070707");
    /// ```
    pub fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
        (bytes != [0; 16]).then_some(Self(bytes))
    }

    /// Returns the trace in the header `traceparent`
    /// (<https://www.w3.org/TR/trace-context/>) if it is sampled. Give it to
    /// [`Builder::exemplars`](crate::red::Builder::exemplars).
    ///
    /// A header that cannot be read, or more than one, counts as no trace.
    ///
    /// ```
    /// use http::{HeaderMap, HeaderValue};
    /// use sluicegate::red::TraceId;
    ///
    /// let mut headers = HeaderMap::new();
    /// let value = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    /// headers.insert("traceparent", HeaderValue::from_static(value));
    /// let trace = TraceId::from_traceparent(&headers).unwrap();
    /// assert_eq!(trace.to_string(), "0af7651916cd43dd8448eb211c80319c");
    /// ```
    pub fn from_traceparent(headers: &HeaderMap) -> Option<Self> {
        let mut all = headers.get_all(&TRACEPARENT).iter();
        let only = all.next().filter(|_| all.next().is_none())?;
        read(only.as_bytes())
    }

    /// Returns the bytes of the id.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

/// Writes 32 hexadecimal digits in lower case.
impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceId({self})")
    }
}

/// The header's name.
static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Reads `00-<trace>-<parent>-<flags>`, all in lower case. Later versions may
/// append more after another dash.
fn read(value: &[u8]) -> Option<TraceId> {
    // 2, 32, 16 and 2 digits with three dashes between them.
    let (known, more) = value.split_at_checked(55)?;
    let mut fields = known.split(|byte| *byte == b'-');
    let [version] = hex(fields.next()?)?;
    let trace = TraceId::from_bytes(hex(fields.next()?)?)?;
    let parent: [u8; 8] = hex(fields.next()?)?;
    let [flags] = hex(fields.next()?)?;
    let is_whole = more.is_empty() || (version > 0 && more[0] == b'-');
    let is_valid = is_whole && version != 0xff && parent != [0; 8];
    (is_valid && flags & SAMPLED != 0).then_some(trace)
}

/// The flag of a sampled trace.
const SAMPLED: u8 = 1;

/// Reads `N` bytes from exactly twice as many digits.
fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if digits.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = 16 * digit(pair[0])? + digit(pair[1])?;
    }
    Some(bytes)
}

/// Reads a hexadecimal digit in lower case.
fn digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    fn read_header(value: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(&TRACEPARENT, HeaderValue::from_str(value).unwrap());
        TraceId::from_traceparent(&headers).map(|trace| trace.to_string())
    }

    #[test]
    fn only_what_is_sampled_is_a_trace() {
        for (flags, sampled) in [("01", true), ("03", true), ("00", false), ("02", false)] {
            let value = format!("00-{TRACE}-b7ad6b7169203331-{flags}");
            assert_eq!(
                read_header(&value),
                sampled.then(|| TRACE.to_owned()),
                "{value}"
            );
        }
    }

    #[test]
    fn an_unreadable_traceparent_has_no_trace() {
        let parent = "b7ad6b7169203331";
        for value in [
            String::new(),
            format!("00-{TRACE}-{parent}"),
            format!("00-{TRACE}-{parent}-1"),
            format!("00-{TRACE}-{parent}-01-more"),
            format!("00-{TRACE}-{parent}-01more"),
            format!("cc-{TRACE}-{parent}-01more"),
            format!("ff-{TRACE}-{parent}-01"),
            format!("00-{}-{parent}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{}-{parent}-01", TRACE.to_uppercase()),
            format!("00-{}g-{parent}-01", &TRACE[1..]),
            format!("00-{}-{parent}-010", &TRACE[1..]),
            format!("0--{TRACE}-{parent}-01"),
        ] {
            assert_eq!(read_header(&value), None, "{value}");
        }
    }

    #[test]
    fn versions_to_come_may_say_more() {
        for more in ["", "-", "-what-the-future-will-be-like"] {
            let value = format!("cc-{TRACE}-b7ad6b7169203331-01{more}");
            assert_eq!(read_header(&value).as_deref(), Some(TRACE), "{value}");
        }
    }

    #[test]
    fn two_headers_are_none() {
        let mut headers = HeaderMap::new();
        for _ in 0..2 {
            let value = format!("00-{TRACE}-b7ad6b7169203331-01");
            headers.append(&TRACEPARENT, value.parse().unwrap());
        }
        assert_eq!(TraceId::from_traceparent(&headers), None);
    }
}
