//! The parts of a line of an access log, borrowed from the line.

use super::read::Unreadable;

/// A line in common format, or in one that continues it, such as combined:
///
/// ```text
/// 192.0.2.7 - ann [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 2326 "referer" "agent"
/// ```
///
/// Clients choose the request, the quoted parts, and the user as far as a basic
/// authentication names it, so the time is looked for from its end: servers
/// escape the quote that stands behind it.
#[derive(Debug)]
pub(super) struct LogLine<'a> {
    /// All that precedes the time: the host, the identity and the user.
    head: &'a [u8],
    pub(super) time: &'a [u8],
    pub(super) request: &'a [u8],
    /// The status, the size, and further quoted parts.
    rest: &'a [u8],
}

impl<'a> LogLine<'a> {
    /// Splits a line.
    pub(super) fn split(line: &'a [u8]) -> Result<Self, Unreadable> {
        let end = end_of_time(line).ok_or(Unreadable::NoBrackets)?;
        let start = memchr::memrchr(b'[', &line[..end]).ok_or(Unreadable::NoBrackets)?;
        let request = &line[end + 3..];
        let length = end_of_quoted(request).ok_or(Unreadable::Request)?;
        let split = Self {
            head: line[..start].trim_ascii_end(),
            time: &line[start + 1..end],
            request: &request[..length],
            rest: request[length + 1..].trim_ascii_start(),
        };
        is_status(split.status())
            .then_some(split)
            .ok_or(Unreadable::Status)
    }

    /// Returns the address or name of the client.
    pub(super) fn host(&self) -> &'a [u8] {
        self.host_and_rest().0
    }

    /// Returns the user that the server authenticated.
    pub(super) fn user(&self) -> &'a [u8] {
        let (_host, rest) = self.host_and_rest();
        let (_identity, user) = word(rest);
        user.trim_ascii()
    }

    /// Returns the client and what follows it. A virtual host before the client
    /// is skipped.
    fn host_and_rest(&self) -> (&'a [u8], &'a [u8]) {
        let (first, after_first) = word(self.head);
        let (second, after_second) = word(after_first);
        let has_virtual_host = second.len() > 1 && is_address(second) && !is_address(first);
        match has_virtual_host {
            true => (second, after_second),
            false => (first, after_first),
        }
    }

    /// Returns the status of the response.
    pub(super) fn status(&self) -> &'a [u8] {
        word(self.rest).0
    }

    /// Returns the size of the response.
    pub(super) fn size(&self) -> &'a [u8] {
        word(word(self.rest).1).0
    }

    /// Returns the quoted part of this index behind the size: 0 is the
    /// referer, 1 the user agent, and 2 the forwarded list in nginx's `main`
    /// format.
    pub(super) fn quoted(&self, index: usize) -> Option<&'a [u8]> {
        let mut rest = self.rest;
        for _ in 0..index {
            let (_, after) = next_quoted(rest)?;
            rest = after;
        }
        next_quoted(rest).map(|(text, _)| text)
    }

    /// Returns the method of the request.
    pub(super) fn method(&self) -> &'a [u8] {
        word(self.request).0
    }

    /// Returns the target of the request; empty if the client sent none.
    pub(super) fn target(&self) -> &'a [u8] {
        word(word(self.request).1).0
    }
}

/// Returns the index of the bracket that closes the time.
fn end_of_time(line: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'"', line).find_map(|quote| {
        let end = quote.checked_sub(2)?;
        line[end..].starts_with(b"] ").then_some(end)
    })
}

/// Returns the index of the quote that closes a text, which may contain
/// escaped quotes.
fn end_of_quoted(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let found = at + memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        match text[found] {
            b'"' => return Some(found),
            _ => at = found + 2,
        }
    }
}

/// Returns the next quoted text, and the rest behind it.
fn next_quoted(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let start = memchr::memchr(b'"', text)? + 1;
    let length = end_of_quoted(&text[start..])?;
    Some((&text[start..][..length], &text[start + length + 1..]))
}

/// Returns the first word and what follows it.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.trim_ascii_start();
    let end = memchr::memchr(b' ', text).unwrap_or(text.len());
    text.split_at(end)
}

/// Whether this is a status, or the dash of a response that was never sent.
fn is_status(text: &[u8]) -> bool {
    text == b"-" || text.len() == 3 && text.iter().all(u8::is_ascii_digit)
}

fn is_address(text: &[u8]) -> bool {
    let text = std::str::from_utf8(text).ok();
    text.is_some_and(|text| text.parse::<std::net::IpAddr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_combined_line_is_split_into_its_parts() {
        let line = br#"2001:db8::1 - ann b [10/Oct/2000:13:55:36 -0700] "GET /a?b=c HTTP/1.1" 200 2326 "http://r/" "agent \"x\" [y] \\" "192.0.2.1""#;
        let split = LogLine::split(line).unwrap();
        assert_eq!(text(split.host()), "2001:db8::1");
        assert_eq!(text(split.user()), "ann b");
        assert_eq!(text(split.time), "10/Oct/2000:13:55:36 -0700");
        assert_eq!(text(split.method()), "GET");
        assert_eq!(text(split.target()), "/a?b=c");
        assert_eq!(text(split.status()), "200");
        assert_eq!(text(split.size()), "2326");
        assert_eq!(split.quoted(0).map(text), Some("http://r/"));
        assert_eq!(split.quoted(1).map(text), Some(r#"agent \"x\" [y] \\"#));
        assert_eq!(split.quoted(2).map(text), Some("192.0.2.1"));
        assert_eq!(split.quoted(3), None);
    }

    #[test]
    fn a_common_line_ends_at_its_size() {
        let line = br#"192.0.2.7 - - [10/Oct/2000:13:55:36 -0700] "-" 408 -"#;
        let split = LogLine::split(line).unwrap();
        assert_eq!((text(split.user()), text(split.size())), ("-", "-"));
        assert_eq!(text(split.target()), "");
        assert_eq!(split.quoted(0), None);
    }

    #[test]
    fn a_virtual_host_is_skipped() {
        let line = br#"shop.example:443 192.0.2.7 - ann [x] "GET / HTTP/1.1" 200 1"#;
        let split = LogLine::split(line).unwrap();
        assert_eq!(
            (text(split.host()), text(split.user())),
            ("192.0.2.7", "ann")
        );
    }

    /// A user name and a request that look like a time.
    #[test]
    fn a_client_cannot_forge_the_time() {
        let line =
            br#"192.0.2.7 - x [01/Jan/2000:00:00:00 +0000] [time] "GET /] \"[y] HTTP/1.1" 200 1"#;
        assert_eq!(text(LogLine::split(line).unwrap().time), "time");
    }

    #[test]
    fn lines_cut_short_say_what_is_missing() {
        let reason = |line: &str| LogLine::split(line.as_bytes()).err();
        assert_eq!(reason("192.0.2.7 - -"), Some(Unreadable::NoBrackets));
        assert_eq!(reason(r#"a [b] "GET / HT"#), Some(Unreadable::Request));
        assert_eq!(reason(r#"a [b] "GET / \"#), Some(Unreadable::Request));
        assert_eq!(reason(r#"a [b] "GET /" "#), Some(Unreadable::Status));
        assert_eq!(reason(r#"a [b] "GET /" 2"#), Some(Unreadable::Status));
    }
}
