use std::time::Duration;

use http::{HeaderMap, header::RETRY_AFTER};

use super::*;
use crate::limit::{Cost, Quota, Rule, TokenBucket, Word};

fn written(headers: Headers, name: &str, taken: Cost) -> Vec<(String, String)> {
    let rule = TokenBucket::new(Quota::per_second(10).burst(20));
    let decision = rule.decide(&mut Word::default(), 0, taken);
    let mut map = HeaderMap::new();
    let quotas = Quotas {
        limiter: name,
        decision: &decision,
        others: &[],
    };
    if headers.has_ietf() {
        write_ietf(&quotas, None, &mut map);
    }
    if headers.has_legacy() {
        LegacyFields::of(&decision).write(&mut map);
    }
    map.iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_string()))
        .collect()
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_string(), value.to_string())
}

#[test]
fn ietf_fields_have_the_shape_of_the_draft() {
    assert_eq!(
        written(Headers::Ietf, "default", 11),
        [
            pair("ratelimit-policy", r#""default";q=20;w=2"#),
            pair("ratelimit", r#""default";r=9;t=1"#)
        ],
    );
    assert_eq!(
        written(Headers::Ietf, "default", 0)[1],
        pair("ratelimit", r#""default";r=20"#)
    );
}

#[test]
fn legacy_fields_count_seconds_from_now() {
    assert_eq!(
        written(Headers::Legacy, "default", 11),
        [
            pair("x-ratelimit-limit", "20"),
            pair("x-ratelimit-remaining", "9"),
            pair("x-ratelimit-reset", "2"),
        ],
    );
}

#[test]
fn names_are_quoted_like_any_string() {
    let [_, (_, state)] = &written(Headers::Ietf, r#"a "b\"#, 1)[..] else {
        panic!("two fields");
    };
    assert_eq!(sfv_first(state).as_deref(), Some(r#"a "b\"#));
}

/// The string of the first item of a list.
fn sfv_first(list: &str) -> Option<String> {
    let list: sfv::List = sfv::Parser::new(list).parse().ok()?;
    match list.first()? {
        sfv::ListEntry::Item(item) => Some(item.bare_item.as_string()?.as_str().to_owned()),
        sfv::ListEntry::InnerList(_) => None,
    }
}

#[test]
fn a_name_that_no_header_can_contain_is_left_out() {
    assert!(written(Headers::Ietf, "\u{fc}ber", 1).is_empty());
    assert!(written(Headers::Ietf, "line\nbreak", 1).is_empty());
    assert!(written(Headers::Ietf, &"long".repeat(100), 1).is_empty());
}

#[test]
fn retry_after_is_rounded_up_and_at_least_one() {
    for (micros, seconds) in [(0, "1"), (1, "1"), (1_000_000, "1"), (1_000_001, "2")] {
        let mut map = HeaderMap::new();
        write_retry_after(Duration::from_micros(micros), &mut map);
        assert_eq!(map[RETRY_AFTER], seconds);
    }
}
