use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue};

use super::*;

mod quotas;

fn fields(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        map.append(*name, HeaderValue::from_str(value).unwrap());
    }
    map
}

fn secs(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

#[test]
fn retry_after_is_digits_between_optional_white_space() {
    for (text, delay) in [
        ("0", secs(0)),
        ("120", secs(120)),
        (" \t7 ", secs(7)),
        ("007", secs(7)),
        ("1000000000000", Some(MAX_DELAY)),
        ("99999999999999999999999999", Some(MAX_DELAY)),
        ("-1", None),
        ("+1", None),
        ("1.5", None),
        ("1s", None),
        ("1 2", None),
        ("1, 2", None),
        ("0x10", None),
        ("", None),
        ("soon", None),
        ("\u{663}", None),
    ] {
        assert_eq!(
            retry_after(&fields(&[("retry-after", text)])),
            delay,
            "{text:?}"
        );
    }
    assert_eq!(retry_after(&HeaderMap::new()), None);
}

#[test]
fn a_date_counts_from_the_date_of_the_response() {
    let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
    for (text, delay) in [
        ("Sun, 06 Nov 1994 08:50:07 GMT", secs(30)),
        ("Sunday, 06-Nov-94 08:50:07 GMT", secs(30)),
        ("Sun Nov  6 08:50:07 1994", secs(30)),
        ("Sun, 06 Nov 1994 08:49:00 GMT", secs(0)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", Some(MAX_DELAY)),
        ("Sun, 32 Nov 1994 08:50:07 GMT", None),
        ("Sun, 06 Nov 1994 08:50:07 PST", None),
    ] {
        assert_eq!(
            retry_after(&fields(&[("retry-after", text), date])),
            delay,
            "{text:?}"
        );
    }
}

#[test]
fn a_date_without_the_date_of_the_response_counts_from_this_clock() {
    let hour = SystemTime::now() + Duration::from_secs(3_600);
    let text = httpdate::fmt_http_date(hour);
    let delay = retry_after(&fields(&[("retry-after", &text)])).unwrap();
    assert!((3_590..=3_600).contains(&delay.as_secs()), "{delay:?}");
    // A `Date` that cannot be read is the same as none.
    let delay = retry_after(&fields(&[("retry-after", &text), ("date", "today")])).unwrap();
    assert!((3_590..=3_600).contains(&delay.as_secs()), "{delay:?}");
    let past = fields(&[("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT")]);
    assert_eq!(retry_after(&past), secs(0));
}

#[test]
fn the_longest_of_several_delays_counts() {
    let several = fields(&[
        ("retry-after", "1"),
        ("retry-after", "9"),
        ("retry-after", "x"),
    ]);
    assert_eq!(retry_after(&several), secs(9));
}

#[test]
fn a_pushback_that_is_not_one_number_forbids_a_retry() {
    let of = |values: &[&str]| {
        let lines: Vec<_> = values
            .iter()
            .map(|it| ("grpc-retry-pushback-ms", *it))
            .collect();
        pushback(&fields(&lines))
    };
    assert_eq!(of(&[]), None);
    assert_eq!(of(&["0"]), Some(RetryAdvice::After(Duration::ZERO)));
    assert_eq!(
        of(&["70"]),
        Some(RetryAdvice::After(Duration::from_millis(70)))
    );
    assert_eq!(
        of(&["99999999999999999999"]),
        Some(RetryAdvice::After(MAX_DELAY))
    );
    for values in [
        &["-1"][..],
        &["x"],
        &[""],
        &["+5"],
        &["1.5"],
        &["5", "5"],
        &["5, 5"],
    ] {
        assert_eq!(of(values), Some(RetryAdvice::Never), "{values:?}");
    }
}

#[test]
fn a_pushback_overrides_other_advice() {
    let both = fields(&[("retry-after", "9"), ("grpc-retry-pushback-ms", "70")]);
    assert_eq!(
        retry_advice(&both),
        Some(RetryAdvice::After(Duration::from_millis(70)))
    );
    let forbidden = fields(&[("retry-after", "9"), ("grpc-retry-pushback-ms", "-1")]);
    assert_eq!(retry_advice(&forbidden), Some(RetryAdvice::Never));
    assert_eq!(retry_advice(&HeaderMap::new()), None);
}

#[cfg(feature = "grpc")]
mod grpc {
    use base64::{
        Engine,
        engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
    };
    use prost::Message;

    use super::*;
    use crate::google_rpc::{Any, Delay, RETRY_INFO, RetryInfo, Status};

    fn details(type_url: &str, seconds: i64, nanos: i32) -> Vec<u8> {
        let delay = Delay {
            seconds: Some(seconds),
            nanos: Some(nanos),
        };
        let value = RetryInfo {
            retry_delay: Some(delay),
        }
        .encode_to_vec();
        let details = vec![Any {
            type_url: type_url.into(),
            value,
        }];
        Status {
            code: 8,
            message: "wait".into(),
            details,
        }
        .encode_to_vec()
    }

    fn read(value: &str) -> Option<Duration> {
        retry_info(&fields(&[("grpc-status-details-bin", value)]))
    }

    #[test]
    fn the_delay_of_a_retry_info_is_read_with_or_without_padding() {
        let bytes = details(RETRY_INFO, 1, 500_000_000);
        let delay = Some(Duration::from_millis(1_500));
        assert_eq!(read(&STANDARD.encode(&bytes)), delay);
        assert_eq!(read(&STANDARD_NO_PAD.encode(&bytes)), delay);
    }

    #[test]
    fn a_delay_that_is_not_one_is_ignored() {
        for (seconds, nanos) in [(-1, 0), (0, -1), (0, 1_000_000_000)] {
            let bytes = details(RETRY_INFO, seconds, nanos);
            assert_eq!(read(&STANDARD.encode(&bytes)), None, "{seconds} {nanos}");
        }
        let other = details("type.googleapis.com/google.rpc.DebugInfo", 1, 0);
        assert_eq!(read(&STANDARD.encode(other)), None);
        assert_eq!(read("not base64!"), None);
        assert_eq!(read(&STANDARD.encode("not a status")), None);
        assert_eq!(
            read(&STANDARD.encode(details(RETRY_INFO, i64::MAX, 0))),
            Some(MAX_DELAY)
        );
    }

    #[test]
    fn the_longer_of_retry_info_and_retry_after_counts() {
        let value = STANDARD.encode(details(RETRY_INFO, 3, 0));
        for (retry_after, delay) in [("1", 3), ("9", 9)] {
            let lines = [
                ("grpc-status-details-bin", &*value),
                ("retry-after", retry_after),
            ];
            let advice = RetryAdvice::After(Duration::from_secs(delay));
            assert_eq!(retry_advice(&fields(&lines)), Some(advice));
        }
    }
}
