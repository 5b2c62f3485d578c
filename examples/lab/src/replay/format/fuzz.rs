//! No line makes a parser panic, whatever its bytes. `LAB_CASES=1000000` is the
//! long form.

use proptest::prelude::*;

use super::{Fields, Format, Parser, Read, detect};

/// A line of each format, with all that a line can have.
const VALID: [&[u8]; 6] = [
    br#"2001:db8::1 - ann [10/Oct/2000:13:55:36 -0700] "GET /a?b=c HTTP/1.1" 200 2326 "http://r/" "agent \"x\" \\" "192.0.2.1, 192.0.2.2""#,
    br#"shop.example:443 192.0.2.7 - - [10/Oct/2000:13:55:36 -0700] "-" 408 -"#,
    br#"{"ts":971211336.25,"request":{"client_ip":"192.0.2.7","uri":"/a?b","headers":{"User-Agent":["\u00e9","z"]}},"cost":3,"a":{"b":[1,null,true]}}"#,
    br#"{"time":"2000-10-10T13:55:36.123456-07:00","remote_addr":"[2001:db8::1]:443","http_x_forwarded_for":"a, b"}"#,
    br#"2000-10-10T13:55:36Z,"a ""b"", c",7"#,
    b"time,key,cost,user",
];

/// Bytes that mean something to one of the parsers.
const SPECIAL: &[u8] = b"\"\\[]{}:,./- \t\r\0+0129TZ%?\xff\xc3";

const KEYS: [&str; 8] = [
    "ip",
    "path",
    "header:user-agent",
    "header:x-forwarded-for",
    "field:user",
    "field:a.b",
    "field:",
    "field:http_referer",
];

/// A change to a line: at a place, as a part of its length.
#[derive(Clone, Debug)]
enum Mutation {
    Replace(u8),
    Insert(Vec<u8>),
    Cut(usize),
    Repeat(usize),
    Truncate,
}

fn mutation() -> impl Strategy<Value = (f64, Mutation)> {
    let special = || prop::sample::select(SPECIAL);
    let kind = prop_oneof![
        special().prop_map(Mutation::Replace),
        any::<u8>().prop_map(Mutation::Replace),
        prop::collection::vec(special(), 1..30).prop_map(Mutation::Insert),
        (1_usize..40).prop_map(Mutation::Cut),
        (1_usize..40).prop_map(Mutation::Repeat),
        Just(Mutation::Truncate),
    ];
    (0.0..1.0, kind)
}

fn mutate(line: &mut Vec<u8>, place: f64, mutation: Mutation) {
    let at = (line.len() as f64 * place) as usize;
    let upto = |length: usize| at..(at + length).min(line.len());
    match mutation {
        Mutation::Replace(byte) => line.splice(upto(1), [byte]).for_each(drop),
        Mutation::Insert(bytes) => line.splice(at..at, bytes).for_each(drop),
        Mutation::Cut(length) => line.drain(upto(length)).for_each(drop),
        Mutation::Repeat(length) => {
            let part = line[upto(length)].to_vec();
            line.splice(at..at, part).for_each(drop);
        }
        Mutation::Truncate => line.truncate(at),
    }
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    let valid = prop::sample::select(&VALID[..]);
    let mutated = (valid, prop::collection::vec(mutation(), 0..6)).prop_map(|(line, mutations)| {
        let mut line = line.to_vec();
        for (place, mutation) in mutations {
            mutate(&mut line, place, mutation);
        }
        line
    });
    prop_oneof![
        6 => mutated,
        1 => prop::collection::vec(prop::sample::select(SPECIAL), 0..120),
        1 => prop::collection::vec(any::<u8>(), 0..120),
    ]
}

fn cases() -> u32 {
    let set = std::env::var("LAB_CASES").ok();
    set.and_then(|cases| cases.parse().ok()).unwrap_or(2_000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]
    #[test]
    fn no_line_makes_a_parser_panic(
        lines in prop::collection::vec(line(), 1..4),
        ipv6_prefix in 1_u8..=128,
        named_time in any::<bool>(),
    ) {
        for key in KEYS {
            let Ok(key) = key.parse() else { continue };
            let time = named_time.then(|| "a.b".to_owned());
            let fields = Fields { key, time, ipv6_prefix };
            for format in [Format::Log, Format::Json, Format::Csv] {
                let Ok(mut parser) = Parser::new(format, &fields) else { continue };
                for line in &lines {
                    if let Ok(Read::Request(request)) = parser.read(line) {
                        // Rules count in 64 bits with room for any period.
                        prop_assert!(request.at < 1 << 60);
                        prop_assert!(!request.key.is_empty());
                    }
                    detect(line, &fields);
                }
            }
        }
    }
}

/// The start for mutations is worth something only if it is read.
#[test]
fn the_valid_lines_are_read() {
    for line in VALID {
        let fields = Fields {
            key: "ip".parse().unwrap(),
            time: None,
            ipv6_prefix: 64,
        };
        assert!(detect(line, &fields).is_some(), "{}", line.escape_ascii());
    }
}
