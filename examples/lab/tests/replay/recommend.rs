//! `lab recommend` on traffic whose answer is known.

use crate::run::run_with;

/// 100 clients that send one request a second, and one that sends ten.
fn traffic() -> String {
    let mut text = String::new();
    for second in 0..120 {
        for client in 0..100 {
            text.push_str(&format!("{},client-{client}\n", 1_700_000_000 + second));
        }
        text.push_str(&format!("{},hot\n", 1_700_000_000 + second).repeat(10));
    }
    text
}

#[test]
fn the_smallest_quota_spares_all_but_the_allowed_keys() {
    let args = [
        "recommend",
        "-",
        "--refuse-keys",
        "1%",
        "--period",
        "1s",
        "--json",
    ];
    let json = run_with(&args, traffic().as_bytes()).json();
    assert_eq!(
        (json["keys"].as_u64(), json["allowed_keys"].as_u64()),
        (Some(101), Some(1))
    );
    let best = |rule: &str| {
        let pairs = json["pairs"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let best = pairs
            .iter()
            .find(|pair| pair["rule"] == rule && pair["best"] == true);
        best.map(|pair| (pair["quota"].as_str(), pair["refused_keys"].as_u64()))
    };
    // A client that sends one a second needs one a second, and nothing more.
    for rule in ["token-bucket", "leaky-queue", "sliding-log", "fixed-window"] {
        assert_eq!(best(rule), Some((Some("1/1s"), Some(1))), "{rule}: {json}");
    }
}

#[test]
fn the_smallest_quota_for_nobody_is_that_of_the_hot_key() {
    let args = [
        "recommend",
        "-",
        "--refuse-requests",
        "0%",
        "--period",
        "1s",
        "--rule",
        "sliding-log",
        "--json",
    ];
    let json = run_with(&args, traffic().as_bytes()).json();
    assert_eq!(json["pairs"][0]["quota"], "10/1s");
    assert_eq!(json["pairs"][0]["refused"], 0);
}

#[test]
fn a_burst_for_which_no_quota_is_enough_is_said_so() {
    let args = [
        "recommend",
        "-",
        "--refuse-keys",
        "0%",
        "--burst",
        "8,9,10",
        "--rule",
        "token-bucket",
    ];
    let run = run_with(&args, traffic().as_bytes());
    assert!(
        run.stdout
            .contains("token-bucket burst 8 to 9: none up to 1,200 in 1m 00s"),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("token-bucket 600/1m burst 10 "),
        "{}",
        run.stdout
    );
}

#[test]
fn a_share_has_to_be_given() {
    let run = run_with(&["recommend", "-"], b"");
    assert!(
        !run.ok && run.stderr.contains("--refuse-keys"),
        "{}",
        run.stderr
    );
    let run = run_with(&["recommend", "-", "--refuse-keys", "101%"], b"");
    assert!(run.stderr.contains("must be 0% to 100%"), "{}", run.stderr);
}
