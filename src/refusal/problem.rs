//! The body of a refused HTTP response: problem details (RFC 9457).
//!
//! Written by hand, because a server under attack writes many of them and a
//! JSON library is not a dependency of the default features.

use std::fmt::{self, Write};

use http::StatusCode;

use super::{reason::Reason, refusal::Refusal};

/// The content type of a problem.
pub(super) const MEDIA_TYPE: &str = "application/problem+json";

/// The problem type that draft-ietf-httpapi-ratelimit-headers-10, section 5,
/// registers, and its title.
const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";
const QUOTA_TITLE: &str = "Quota Exceeded";

/// The docs of the problems with idempotency keys, each at the anchor of its
/// name.
const KEY_PROBLEMS: &str = "https://docs.rs/sluicegate/latest/sluicegate/idempotency/index.html#";

/// Returns the type of the problem, in two parts that are written one after the
/// other.
fn problem_type(refusal: &Refusal) -> [&'static str; 2] {
    match (refusal.reason(), refusal.key_problem()) {
        (_, Some(name)) => [KEY_PROBLEMS, name],
        (Reason::OverLimit, _) => [QUOTA_EXCEEDED, ""],
        _ => ["about:blank", ""],
    }
}

/// Returns the problem as JSON text.
pub(super) fn json(status: StatusCode, refusal: &Refusal) -> String {
    let mut length = Length(0);
    // Neither a length nor a string can fail.
    _ = write_json(status, refusal, &mut length);
    // Without spare capacity it becomes a body as it is.
    let mut json = String::with_capacity(length.0);
    _ = write_json(status, refusal, &mut json);
    json
}

fn write_json(status: StatusCode, refusal: &Refusal, json: &mut impl Write) -> fmt::Result {
    let [base, name] = problem_type(refusal);
    let title = match refusal.reason() {
        Reason::OverLimit => QUOTA_TITLE,
        _ => status.canonical_reason().unwrap_or("Refused"),
    };
    for text in [
        r#"{"type":""#,
        base,
        name,
        r#"","title":""#,
        title,
        r#"","status":"#,
        status.as_str(),
        r#","detail":""#,
    ] {
        json.write_str(text)?;
    }
    refusal.describe(&mut Quoted(json))?;
    json.write_str(r#"""#)?;
    if let (Reason::OverLimit, Some(limiter)) = (refusal.reason(), refusal.limiter()) {
        json.write_str(r#","violated-policies":[""#)?;
        Quoted(json).write_str(limiter)?;
        json.write_str(r#""]"#)?;
    }
    write_original(refusal, json)?;
    json.write_str("}")
}

/// Writes what is known of a response that was not stored.
fn write_original(refusal: &Refusal, json: &mut impl Write) -> fmt::Result {
    let Some(status) = refusal.original_status() else {
        return Ok(());
    };
    json.write_str(r#","original-status":"#)?;
    json.write_str(status.as_str())?;
    if let Some(location) = refusal.original_location() {
        json.write_str(r#","original-location":""#)?;
        Quoted(json).write_str(location)?;
        json.write_str(r#"""#)?;
    }
    Ok(())
}

/// Counts the bytes of a text instead of keeping it.
struct Length(usize);

impl Write for Length {
    #[inline]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

/// Escapes text for the inside of a JSON string (RFC 8259, section 7).
struct Quoted<'a, W>(&'a mut W);

impl<W: Write> Write for Quoted<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Looks at all bytes, because without a branch for each it looks at
        // many at once, and few texts need an escape.
        if !text.bytes().fold(false, |any, byte| any | is_escaped(byte)) {
            return self.0.write_str(text);
        }
        self.write_escaped(text)
    }
}

impl<W: Write> Quoted<'_, W> {
    #[cold]
    fn write_escaped(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.bytes().position(is_escaped) {
            self.0.write_str(&rest[..at])?;
            // All kinds become \u escapes, which is shorter than a table.
            write!(self.0, "\\u{:04x}", rest.as_bytes()[at])?;
            rest = &rest[at + 1..];
        }
        self.0.write_str(rest)
    }
}

/// Returns whether a JSON string cannot contain this byte as it is.
#[inline]
fn is_escaped(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | ..b' ')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::{Others, Quota, Rule, TokenBucket, Word};

    #[test]
    fn the_problem_is_json_whatever_the_limit_is_called() {
        let decision = TokenBucket::new(Quota::per_second(1)).decide(&mut Word::default(), 0, 2);
        let refusal = Refusal::over_limit("a \"b\" \\ \n".into(), decision, Others::default());
        let text = json(StatusCode::TOO_MANY_REQUESTS, &refusal);
        assert_eq!(text.capacity(), text.len());
        let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(parsed["status"], 429);
        assert_eq!(parsed["title"], "Quota Exceeded");
        assert_eq!(parsed["violated-policies"][0], "a \"b\" \\ \n");
        assert_eq!(parsed["type"], QUOTA_EXCEEDED);
    }
}
