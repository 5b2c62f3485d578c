//! Tells the format of a file from one of its lines.

use super::{fields::Fields, format::Format, key::KeySpec, parser::Parser};

/// Returns the format in which this line can be read; `None` if there is none.
pub(crate) fn detect(line: &[u8], fields: &Fields) -> Option<Format> {
    let formats = match line.trim_ascii_start().first() {
        Some(b'{') => &[Format::Json][..],
        _ => &[Format::Log, Format::Csv],
    };
    // All access logs have an address. Whether they have the key is told once the
    // format is known, by a better error.
    let of_log = Fields {
        key: KeySpec::Ip,
        ..fields.clone()
    };
    let reads = |format: &Format| {
        let is_log = *format == Format::Log;
        let parser = Parser::new(*format, if is_log { &of_log } else { fields });
        parser.is_ok_and(|mut parser| parser.read(line).is_ok())
    };
    formats.iter().copied().find(reads)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_is_told_by_a_line() {
        let fields = Fields {
            key: "ip".parse().unwrap(),
            time: None,
            ipv6_prefix: 64,
        };
        let detect = |line: &str| detect(line.as_bytes(), &fields);
        let log = r#"192.0.2.7 - - [10/Oct/2000:13:55:36 -0700] "GET /,{ HTTP/1.1" 200 1"#;
        assert_eq!(detect(log), Some(Format::Log));
        assert_eq!(detect(r#" {"time":5}"#), Some(Format::Json));
        assert_eq!(detect("5,a"), Some(Format::Csv));
        assert_eq!(detect("time,key"), Some(Format::Csv));
        assert_eq!(detect("hello, world"), None);
        assert_eq!(detect(""), None);
    }
}
