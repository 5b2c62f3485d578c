//! The quotas that a response names.

use super::*;

/// One quota, as (name, limit, window, remaining, more).
type Seen = (String, Option<u64>, Option<u64>, Option<u64>, Option<u64>);

fn seen(lines: &[(&'static str, &str)]) -> Vec<Seen> {
    let whole = |it: Option<Duration>| it.map(|it| it.as_secs());
    let quotas = quotas(&fields(lines)).into_iter();
    quotas
        .map(|it| {
            (
                it.name,
                it.limit,
                whole(it.window),
                it.remaining,
                whole(it.more_after),
            )
        })
        .collect()
}

#[test]
fn members_of_both_lists_are_joined_by_their_name() {
    let lines = [
        (
            "ratelimit-policy",
            r#""burst";q=100;w=60, "day";q=1000;w=86400"#,
        ),
        ("ratelimit", r#""day";r=12;t=600"#),
        ("ratelimit", r#""burst";r=50;t=30, "other";r=1"#),
    ];
    assert_eq!(
        seen(&lines),
        [
            ("burst".into(), Some(100), Some(60), Some(50), Some(30)),
            ("day".into(), Some(1000), Some(86_400), Some(12), Some(600)),
            ("other".into(), None, None, Some(1), None),
        ],
    );
}

#[test]
fn partitions_of_one_quota_are_separate() {
    let lines = [
        ("ratelimit-policy", r#""a";q=10;w=1"#),
        ("ratelimit", r#""a";r=1;pk=:YQ==:, "a";r=2;pk=:Yg==:"#),
    ];
    let quotas = quotas(&fields(&lines));
    let parts: Vec<_> = quotas
        .iter()
        .map(|it| (it.partition(), it.remaining()))
        .collect();
    assert_eq!(parts, [(Some(&b"a"[..]), Some(1)), (Some(b"b"), Some(2))]);
}

#[test]
fn quotas_that_do_not_count_calls_are_left_out() {
    let lines = [
        (
            "ratelimit-policy",
            r#""size";q=100000;w=60;qu="content-bytes", "rate";q=10;w=1;qu="requests""#,
        ),
        ("ratelimit", r#""size";r=0;t=30, "rate";r=5"#),
    ];
    assert_eq!(
        seen(&lines),
        [("rate".into(), Some(10), Some(1), Some(5), None)]
    );
}

#[test]
fn values_that_are_not_allowed_are_ignored() {
    for (state, left) in [
        (r#""a";r=-1;t=1"#, None),
        (r#""a";r=1.5"#, None),
        (r#""a";r=many"#, None),
        (r#""a""#, None),
        (r#""a";r=1;t=-5"#, Some((Some(1), None))),
        (
            r#""a";r=999999999999999;t=999999999999999"#,
            Some((Some(999_999_999_999_999), Some(MAX_DELAY.as_secs()))),
        ),
        (r#""a";r=1000000000000000"#, None),
        (r#"7;r=1"#, None),
        (r#"("a" "b");r=1"#, None),
        (r#""a";r=1, ???"#, None),
    ] {
        let found = seen(&[("ratelimit", state)]);
        let found = found.first().map(|it| (it.3, it.4));
        assert_eq!(found, left, "{state}");
    }
    assert!(
        seen(&[("ratelimit-policy", r#""a";q=5;w=0"#)])[0]
            .2
            .is_none()
    );
}

#[test]
fn older_forms_are_read_too() {
    let expected = [(String::new(), Some(20), Some(2), Some(9), Some(1))];
    for lines in [
        [
            ("ratelimit", "limit=20, remaining=9, reset=1"),
            ("ratelimit-policy", "20;w=2"),
        ]
        .as_slice(),
        &[
            ("ratelimit-limit", "20"),
            ("ratelimit-remaining", "9"),
            ("ratelimit-reset", "1"),
            ("ratelimit-policy", "50;w=9, 20;w=2"),
        ],
        &[
            ("x-ratelimit-limit", "20, 20;w=2"),
            ("x-ratelimit-remaining", "9"),
            ("x-ratelimit-reset", "1"),
            ("ratelimit-policy", "20;w=2"),
        ],
    ] {
        assert_eq!(seen(lines), expected, "{lines:?}");
    }
}

#[test]
fn a_reset_may_be_a_time_of_unix() {
    let lines = [
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", "784111807"),
        ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ];
    // Below 10^9, so still seconds.
    assert_eq!(seen(&lines)[0].4, Some(784_111_807));
    let lines = [
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", "1767225610"),
        ("date", "Thu, 01 Jan 2026 00:00:00 GMT"),
    ];
    assert_eq!(seen(&lines)[0].4, Some(10));
}

#[test]
fn one_response_has_at_most_16_quotas() {
    let names: Vec<_> = (0..100).map(|it| format!("\"{it}\";r=1")).collect();
    assert_eq!(seen(&[("ratelimit", &names.join(", "))]).len(), 16);
}
