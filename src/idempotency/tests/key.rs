use super::*;

const STRICT: KeyForm = KeyForm::new().strict();
const LENIENT: KeyForm = KeyForm::new();

fn read(form: KeyForm, line: &[u8]) -> Result<String, KeyError> {
    let key = form.read([line])?;
    Ok(key.unwrap().as_str().to_owned())
}

/// Strings in quotes that are valid in both forms.
const STRINGS: [(&[u8], &str); 12] = [
    (br#""a""#, "a"),
    (
        br#""8e03978e-40d5-43dd-bc93-6894a57f9324""#,
        "8e03978e-40d5-43dd-bc93-6894a57f9324",
    ),
    (br#""a b""#, "a b"),
    (br#"" ""#, " "),
    (br#""a,b""#, "a,b"),
    (br#""a\"b""#, r#"a"b"#),
    (br#""a\\b""#, r"a\b"),
    (br#""\"""#, r#"""#),
    (br#""\\""#, r"\"),
    (br#"  "a"  "#, "a"),
    (br#""a";version=1;b="x";c"#, "a"),
    (br#""a"; x=?0"#, "a"),
];

#[test]
fn a_string_is_read_without_its_quotes_and_escapes() {
    for (line, value) in STRINGS {
        for form in [STRICT, LENIENT] {
            assert_eq!(read(form, line).as_deref(), Ok(value), "{line:?}");
        }
    }
}

#[test]
fn every_byte_of_a_string_is_allowed_or_refused_by_the_grammar() {
    for byte in 0..=u8::MAX {
        let line = [b'"', byte, b'"'];
        let unescaped = matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        for form in [STRICT, LENIENT] {
            assert_eq!(read(form, &line).is_ok(), unescaped, "{byte:#04x}");
        }
        let line = [b'"', b'\\', byte, b'"'];
        let escaped = matches!(byte, b'"' | b'\\');
        assert_eq!(read(STRICT, &line).is_ok(), escaped, "\\{byte:#04x}");
    }
}

#[test]
fn a_key_that_is_not_a_string_is_refused() {
    let wrong: [&[u8]; 12] = [
        br#"""#,
        br#""a"#,
        br#""a\"#,
        br#""a\""#,
        br#""a"b"#,
        br#""a""b""#,
        br#""a", "b""#,
        br#""a","#,
        br#""a";"#,
        br#""a";A=1"#,
        br#""a" ;b"#,
        b"\"\xc3\xa9\"",
    ];
    for line in wrong {
        for form in [STRICT, LENIENT] {
            let error = read(form, line).unwrap_err();
            assert!(matches!(error, KeyError::Quoted(_)), "{line:?}: {error}");
        }
    }
}

#[test]
fn other_items_are_bare_keys_to_the_lenient_only() {
    let items: [&[u8]; 11] = [
        b"KG5LxwFBepaKHyUD",
        b"8e03978e-40d5-43dd-bc93-6894a57f9324",
        b"17",
        b"1.5",
        b"?1",
        b":YWJj:",
        b"@1700000000",
        b"*a/b:c",
        b"a;b=1",
        b"(a)",
        b"a'b\\c",
    ];
    for line in items {
        let error = read(STRICT, line).unwrap_err();
        assert!(matches!(error, KeyError::Quoted(_)), "{line:?}: {error}");
        assert_eq!(read(LENIENT, line).unwrap().as_bytes(), line);
    }
}

#[test]
fn a_bare_key_is_visible_ascii_without_a_comma_or_a_quote() {
    for byte in 0..=u8::MAX {
        let line = [b'a', byte, b'b'];
        let bare = byte.is_ascii_graphic() && byte != b',' && byte != b'"';
        assert_eq!(read(LENIENT, &line).is_ok(), bare, "{byte:#04x}");
    }
    assert_eq!(read(LENIENT, b" \ta ").as_deref(), Ok("a"));
    assert_eq!(read(LENIENT, b"a, b"), Err(KeyError::Several));
}

#[test]
fn one_header_line_is_a_key_and_none_is_none() {
    for form in [STRICT, LENIENT] {
        assert_eq!(form.read::<&str>([]), Ok(None));
        assert_eq!(form.read([r#""a""#, r#""a""#]), Err(KeyError::Several));
    }
}

#[test]
fn the_length_is_that_of_the_value() {
    let form = KeyForm::new().length(2..=4);
    for (line, length) in [("\"\"", 0), ("a", 1), ("abcde", 5), (r#""abcd\"""#, 5)] {
        let allowed = (2, 4);
        let error = KeyError::Length { length, allowed };
        assert_eq!(form.read([line]), Err(error));
    }
    for line in ["ab", "abcd", r#""\"\"\"\"""#] {
        assert!(form.read([line]).is_ok());
    }
    let empty = read(LENIENT, b"").unwrap_err().to_string();
    assert_eq!(
        empty,
        "invalid idempotency key of 0 bytes: must be 1 to 255"
    );
    assert!(read(LENIENT, &[b'x'; 255]).is_ok());
    assert!(read(LENIENT, &[b'x'; 256]).is_err());
}

#[test]
#[should_panic(expected = "invalid key length 0: must be at least 1 byte")]
fn an_empty_key_cannot_be_allowed() {
    let _ = KeyForm::new().length(0..=9);
}

#[test]
fn neither_a_key_nor_an_error_shows_the_key() {
    let key = LENIENT.read(["secret"]).unwrap().unwrap();
    assert_eq!(format!("{key:?}"), "IdempotencyKey(6 bytes)");
    let long = "secret".repeat(99);
    for line in [
        "secret, secret",
        "secret\"",
        r#""secret"#,
        r#""secret" secret"#,
        &long,
    ] {
        let error = LENIENT.read([line]).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
}

#[test]
fn a_line_is_bounded_before_it_is_parsed() {
    let form = KeyForm::new().length(1..=4);
    let line = |parameters: usize| {
        let spaces = " ".repeat(parameters - 2);
        format!(r#""\"\"\"\"";{spaces}a"#)
    };
    assert!(form.read([line(MAX_PARAMETER_BYTES)]).is_ok());
    let (length, most) = (11 + MAX_PARAMETER_BYTES, 10 + MAX_PARAMETER_BYTES);
    let error = KeyError::Line { length, most };
    assert_eq!(
        form.read([line(MAX_PARAMETER_BYTES + 1)]),
        Err(error.clone())
    );
    let said = "invalid idempotency key header of 1035 bytes: must be at most 1034";
    assert_eq!(error.to_string(), said);
    // Before anything else is wrong with it, in either syntax.
    let hostile = format!("\"17\"{}", ";a".repeat(175_000));
    for form in [form, form.strict()] {
        for line in [&hostile, &"\u{e4},".repeat(99_999), &" ".repeat(99_999)] {
            let refused = form.read([line]);
            assert!(matches!(refused, Err(KeyError::Line { .. })), "{refused:?}");
        }
    }
    let endless = KeyForm::new().length(1..=usize::MAX);
    assert!(endless.read([&hostile]).is_ok());
}
