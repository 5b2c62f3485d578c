//! Reads and edits the lists that layers further in have written. It works on
//! the bytes, because only strings and whole numbers matter here.

use http::{HeaderMap, HeaderName, HeaderValue};

/// Returns the members of a list with their parameters, split at commas outside
/// of strings (RFC 9651, section 4.2.1).
pub(super) fn members(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    let split = line.split(move |byte| {
        let (was_escaped, is_quoted) = (escaped, quoted);
        escaped = is_quoted && !was_escaped && *byte == b'\\';
        quoted ^= *byte == b'"' && !was_escaped;
        *byte == b',' && !is_quoted
    });
    split.map(<[u8]>::trim_ascii).filter(|it| !it.is_empty())
}

/// Returns whether a member is this string. `written` includes the quotes.
pub(super) fn is_named(member: &[u8], written: &[u8]) -> bool {
    let rest = member.strip_prefix(written);
    rest.is_some_and(|rest| matches!(rest.trim_ascii().first(), None | Some(b';')))
}

/// Returns the string of a member, with its quotes and escapes.
pub(super) fn name(member: &[u8]) -> Option<&[u8]> {
    let mut escaped = false;
    let ends = |byte: &u8| {
        let was_escaped = std::mem::take(&mut escaped);
        escaped = !was_escaped && *byte == b'\\';
        *byte == b'"' && !was_escaped
    };
    let end = member.strip_prefix(b"\"")?.iter().position(ends)?;
    Some(&member[..end + 2])
}

/// Returns the value of a numeric parameter. It is looked for behind the
/// string, so a limit's name cannot be mistaken for one.
pub(super) fn number(member: &[u8], written: &[u8], parameter: u8) -> Option<u64> {
    let parameters = member.strip_prefix(written)?.split(|byte| *byte == b';');
    let mut values = parameters.filter_map(|it| it.trim_ascii().strip_prefix(&[parameter, b'=']));
    str::from_utf8(values.next()?).ok()?.parse().ok()
}

/// Returns the member with this name in any line of a field.
pub(super) fn find<'a>(
    headers: &'a HeaderMap,
    field: &HeaderName,
    written: &[u8],
) -> Option<&'a [u8]> {
    let lines = headers.get_all(field).iter().map(HeaderValue::as_bytes);
    let mut all = lines.flat_map(members);
    all.find(|member| is_named(member, written))
}

/// Removes the members with this name from a field.
pub(super) fn remove(headers: &mut HeaderMap, field: &HeaderName, written: &[u8]) {
    if find(headers, field, written).is_none() {
        return;
    }
    // Cloned values share their bytes with the map's.
    let lines: Vec<_> = headers.get_all(field).iter().cloned().collect();
    headers.remove(field);
    for line in lines {
        let kept = members(line.as_bytes()).filter(|it| !is_named(it, written));
        let kept = kept.collect::<Vec<_>>().join(&b", "[..]);
        if let (false, Ok(line)) = (kept.is_empty(), HeaderValue::from_bytes(&kept)) {
            headers.append(field, line);
        }
    }
}

/// Removes the last line of a field.
#[cold]
pub(super) fn remove_last(headers: &mut HeaderMap, field: &HeaderName) {
    let mut lines: Vec<_> = headers.get_all(field).iter().cloned().collect();
    lines.pop();
    headers.remove(field);
    for line in lines {
        headers.append(field, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Vec<&str> {
        let members = members(line.as_bytes());
        members.map(|it| str::from_utf8(it).unwrap()).collect()
    }

    #[test]
    fn commas_in_names_do_not_part_members() {
        assert_eq!(
            split(r#""a";r=1;t=2, "b";r=3"#),
            [r#""a";r=1;t=2"#, r#""b";r=3"#]
        );
        assert_eq!(
            split(r#""a,\",b\\";r=1 ,"c""#),
            [r#""a,\",b\\";r=1"#, r#""c""#]
        );
        assert!(split(" , ").is_empty());
    }

    #[test]
    fn parameters_are_read_behind_the_name() {
        let member = br#""a;r=9"; r=7;t=3"#;
        assert_eq!(number(member, br#""a;r=9""#, b'r'), Some(7));
        assert_eq!(number(member, br#""a;r=9""#, b't'), Some(3));
        assert_eq!(number(member, br#""a;r=9""#, b'w'), None);
        assert!(!is_named(member, br#""a""#));
        assert_eq!(name(member), Some(&br#""a;r=9""#[..]));
        assert_eq!(name(br#""a\\\"b\\";r=1"#), Some(&br#""a\\\"b\\""#[..]));
        assert_eq!((name(b"token;r=1"), name(b"\"open")), (None, None));
    }

    #[test]
    fn removing_one_entry_keeps_the_rest() {
        let field = HeaderName::from_static("ratelimit");
        let mut headers = HeaderMap::new();
        for line in [r#""a";r=1, "b";r=2"#, r#""a";r=3"#] {
            headers.append(&field, HeaderValue::from_static(line));
        }
        remove(&mut headers, &field, br#""a""#);
        let left: Vec<_> = headers.get_all(&field).iter().collect();
        assert_eq!(left, [r#""b";r=2"#]);
    }
}
