//! The body of a refusal: problem details for HTTP APIs (RFC 9457).

use std::fmt::{self, Write};

use http::StatusCode;

use super::{reason::Reason, refusal::Refusal};

pub(super) const MEDIA_TYPE: &str = "application/problem+json";

/// Registered by draft-ietf-httpapi-ratelimit-headers-10, section 5, with this title.
const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";
const QUOTA_TITLE: &str = "Quota Exceeded";

/// Where the problems with idempotency keys are described, each under its name.
const ABOUT_KEYS: &str = "https://docs.rs/sluicegate/latest/sluicegate/idempotency/index.html#";

/// The name of a problem with idempotency keys.
pub(super) fn about_keys(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::NoIdempotencyKey => "key-missing",
        Reason::BadIdempotencyKey => "key-malformed",
        Reason::NoPrincipal => "key-of-nobody",
        Reason::ReusedIdempotencyKey => "key-reused",
        Reason::StillRunning => "still-running",
        Reason::UnknownOutcome => "outcome-unknown",
        Reason::NotRetained => "response-not-retained",
        Reason::StoreUnavailable => "store-unavailable",
        Reason::BodyTooLarge => "body-too-large",
        Reason::BadBody => "body-unreadable",
        Reason::Overloaded => "overloaded",
        _ => return None,
    })
}

fn kind(reason: Reason) -> [&'static str; 2] {
    match (reason, about_keys(reason)) {
        (_, Some(name)) => [ABOUT_KEYS, name],
        (Reason::OverLimit, _) => [QUOTA_EXCEEDED, ""],
        _ => ["about:blank", ""],
    }
}

pub(super) fn json(status: StatusCode, refusal: &Refusal) -> String {
    let [base, name] = kind(refusal.reason);
    let title = match refusal.reason {
        Reason::OverLimit => QUOTA_TITLE,
        _ => status.canonical_reason().unwrap_or("Refused"),
    };
    let mut json = String::with_capacity(ROOM);
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
    original(refusal, &mut json);
    json.push('}');
    json
}

/// What is known of an answer that was not kept.
fn original(refusal: &Refusal, json: &mut String) {
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

/// More than most problems take.
const ROOM: usize = 384;

/// The inside of a JSON string (RFC 8259, section 7).
struct Quoted<'a>(&'a mut String);

impl Write for Quoted<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
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
