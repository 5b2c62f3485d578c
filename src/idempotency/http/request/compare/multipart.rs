//! The parts of a multipart body (RFC 2046, section 5.1), without the boundary
//! and everything else between them.
//!
//! Clients make up a boundary for each attempt, so that two attempts at one
//! upload never have the same bytes. Their parts do.

use http::HeaderValue;

use crate::content::essence;

/// The longest boundary that RFC 2046 allows.
const MAX_BOUNDARY_BYTES: usize = 70;

/// Returns the header lines and the content of each part, one after the other;
/// `None` if the body is not a well-formed multipart body.
pub(super) fn parts(content_type: &HeaderValue, body: &[u8]) -> Option<Vec<Vec<u8>>> {
    let is_multipart = essence(content_type)
        .to_ascii_lowercase()
        .starts_with(b"multipart/");
    let boundary = boundary(content_type.as_bytes()).filter(|_| is_multipart)?;
    let delimiter = [b"\r\n--", &*boundary].concat();
    // The first delimiter may be at the very start, without a line break before
    // it.
    let whole = [b"\r\n", body].concat();
    let (_preamble, mut rest) = split(&whole, &delimiter)?;
    let mut parts = Vec::new();
    // The last delimiter ends with two dashes.
    while !rest.starts_with(b"--") {
        let (head, content, after) = next_part(rest, &delimiter)?;
        parts.push(normalized_head(head));
        parts.push(content.to_vec());
        rest = after;
    }
    Some(parts)
}

/// Splits off the part behind a delimiter. Returns its head, its content, and
/// the bytes behind the next delimiter.
fn next_part<'a>(rest: &'a [u8], delimiter: &[u8]) -> Option<(&'a [u8], &'a [u8], &'a [u8])> {
    let (padding, after) = split(rest, b"\r\n")?;
    if !padding.iter().all(|byte| matches!(byte, b' ' | b'\t')) {
        return None;
    }
    // A part without headers begins with the empty line that ends them, so the
    // line break before it belongs to it too.
    let part_begins = rest.len() - after.len() - 2;
    let (part, after) = split(&rest[part_begins..], delimiter)?;
    let (head, content) = split(part, b"\r\n\r\n")?;
    Some((head, content, after))
}

/// Returns the header's lines in order, with names in lower case and without
/// spaces around the values.
fn normalized_head(head: &[u8]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(head.len());
    for line in head.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        let (name, value) = split(line, b":").unwrap_or((line, b""));
        lines.extend(name.to_ascii_lowercase());
        if !line.is_empty() {
            lines.push(b':');
        }
        lines.extend(value.trim_ascii_start());
        lines.push(b'\n');
    }
    lines
}

/// Returns the parameter `boundary` of a content type.
fn boundary(content_type: &[u8]) -> Option<Vec<u8>> {
    let (_, mut rest) = split(content_type, b";")?;
    loop {
        let (name, value) = split(rest, b"=")?;
        let is_boundary = name.trim_ascii().eq_ignore_ascii_case(b"boundary");
        let (value, after) = match value.strip_prefix(b"\"") {
            // Escapes need not be read: no byte of a boundary has to be
            // escaped.
            Some(quoted) => split(quoted, b"\"")?,
            None => {
                let end = value.iter().position(|byte| *byte == b';');
                value.split_at(end.unwrap_or(value.len()))
            }
        };
        let value = value.trim_ascii_end();
        if is_boundary {
            let is_valid = (1..=MAX_BOUNDARY_BYTES).contains(&value.len());
            return is_valid.then(|| value.to_vec());
        }
        rest = split(after, b";")?.1;
    }
}

/// Splits bytes at the first occurrence of `at`, which is in neither half.
fn split<'a>(bytes: &'a [u8], at: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let found = bytes.windows(at.len()).position(|window| window == at)?;
    Some((&bytes[..found], &bytes[found + at.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content_type: &'static str, body: &str) -> Option<Vec<Vec<u8>>> {
        parts(&HeaderValue::from_static(content_type), body.as_bytes())
    }

    fn form(boundary: &str, amount: &str) -> String {
        format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"amount\"\r\n\r\n{amount}\r\n\
             --{boundary} \r\ncontent-disposition:form-data; name=\"scan\"; filename=\"a\"\r\n\
             Content-Type: image/png\r\n\r\n\r\n--{boundary}--\r\nepilogue"
        )
    }

    #[test]
    fn a_form_is_its_parts_whatever_the_boundary_is() {
        let one = read("multipart/form-data; boundary=one", &form("one", "17"));
        let other = "Multipart/Form-Data; charset=x;  BOUNDARY=\"the other\"";
        let other = read(other, &format!("preamble\r\n{}", form("the other", "17")));
        let expected = [
            "\ncontent-disposition:form-data; name=\"amount\"\n",
            "17",
            "\ncontent-disposition:form-data; name=\"scan\"; filename=\"a\"\ncontent-type:image/png\n",
            "",
        ];
        let expected = expected.map(|it| it.as_bytes().to_vec());
        assert_eq!(one, Some(expected.to_vec()));
        assert_eq!(one, other);
        let changed = self::read("multipart/form-data; boundary=one", &form("one", "70"));
        assert!(changed.is_some() && changed != one);
    }

    #[test]
    fn a_malformed_form_has_no_parts() {
        for (content_type, body) in [
            ("multipart/form-data", "--a\r\n\r\nx\r\n--a--"),
            ("multipart/form-data; boundary=", "--\r\n\r\nx\r\n----"),
            ("application/json; boundary=a", "--a\r\n\r\nx\r\n--a--"),
            ("multipart/form-data; boundary=a", "--a\r\n\r\nx"),
            ("multipart/form-data; boundary=a", "--ab\r\n\r\nx\r\n--a--"),
            ("multipart/form-data; boundary=a", ""),
        ] {
            assert_eq!(read(content_type, body), None, "{content_type} {body:?}");
        }
        let empty = read("multipart/form-data; boundary=a", "--a--");
        assert_eq!(empty, Some(vec![]));
    }
}
