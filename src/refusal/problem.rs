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
    match (refusal.reason, refusal.key_problem()) {
        (_, Some(name)) => [KEY_PROBLEMS, name],
        (Reason::OverLimit, _) => [QUOTA_EXCEEDED, ""],
        _ => ["about:blank", ""],
    }
}

/// Returns the problem as JSON text.
pub(super) fn json(status: StatusCode, refusal: &Refusal) -> String {
    let [base, name] = problem_type(refusal);
    let title = match refusal.reason {
        Reason::OverLimit => QUOTA_TITLE,
        _ => status.canonical_reason().unwrap_or("Refused"),
    };
    let mut json = String::with_capacity(CAPACITY);
    for text in [
        r#"{"type":""#,
        base,
        name,
        r#"","title":""#,
        title,
        r#"","status":"#,
        status.as_str(),
    ] {
        json.push_str(text);
    }
    json.push_str(r#","detail":""#);
    // Writing to a string cannot fail.
    _ = refusal.describe(&mut Quoted(&mut json));
    json.push('"');
    if let (Reason::OverLimit, Some(limiter)) = (refusal.reason, refusal.limiter()) {
        json.push_str(r#","violated-policies":[""#);
        _ = Quoted(&mut json).write_str(limiter);
        json.push_str(r#""]"#);
    }
    write_original(refusal, &mut json);
    json.push('}');
    json
}

/// Writes what is known of a response that was not stored.
fn write_original(refusal: &Refusal, json: &mut String) {
    let Some(status) = refusal.original_status() else {
        return;
    };
    json.push_str(r#","original-status":"#);
    json.push_str(status.as_str());
    if let Some(location) = refusal.original_location() {
        json.push_str(r#","original-location":""#);
        _ = Quoted(json).write_str(location);
        json.push('"');
    }
}

/// The bytes that are allocated at once; most problems take less.
const CAPACITY: usize = 384;

/// Escapes text for the inside of a JSON string (RFC 8259, section 7).
struct Quoted<'a>(&'a mut String);

impl Write for Quoted<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        // All three kinds become \u escapes, which is shorter than a table.
        while let Some(at) = rest
            .bytes()
            .position(|it| matches!(it, b'"' | b'\\' | ..b' '))
        {
            self.0.push_str(&rest[..at]);
            write!(self.0, "\\u{:04x}", rest.as_bytes()[at])?;
            rest = &rest[at + 1..];
        }
        self.0.push_str(rest);
        Ok(())
    }
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
        let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(parsed["status"], 429);
        assert_eq!(parsed["title"], "Quota Exceeded");
        assert_eq!(parsed["violated-policies"][0], "a \"b\" \\ \n");
        assert_eq!(parsed["type"], QUOTA_EXCEEDED);
    }
}
