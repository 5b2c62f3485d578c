//! A canonical form of JSON, so that a body is the same however a client writes
//! it.

use serde_json::{Map, Number, Value};

use super::unique_names;

/// The largest whole number below which a double is exact.
const MAX_EXACT_DOUBLE: f64 = 9_007_199_254_740_992.0;

/// Writes JSON in one way, so that two texts with the same meaning are equal:
/// as the JSON Canonicalization Scheme defines it (RFC 8785), without spaces,
/// and with the members of objects ordered by name.
///
/// Fields may be chosen by JSON pointers (RFC 6901):
///
/// ```
/// use sluicegate::idempotency::CanonicalJson;
///
/// let json = CanonicalJson::new();
/// let one = json.canonical(br#"{"to": "Ann", "amount": 17.0}"#);
/// assert_eq!(one.as_deref(), Some(&br#"{"amount":17,"to":"Ann"}"#[..]));
///
/// let json = CanonicalJson::new().without(["/sent_at"]);
/// let (one, other) = (br#"{"a":1,"sent_at":1}"#, br#"{"sent_at":2,"a":1}"#);
/// assert_eq!(json.canonical(one), json.canonical(other));
/// ```
///
/// # Numbers
///
/// Whole numbers from -2^63 to 2^64 - 1 are exact, even if RFC 8785 would round
/// them. Other numbers are doubles, as in RFC 8785: `0.1` and `0.10` are the
/// same, and so are two fractions with the same double. They are written
/// without an exponent, although RFC 8785 uses one below 10^-6. A text with a
/// larger whole number has no canonical form.
#[derive(Clone, Debug, Default)]
#[must_use = "call `canonical`, or pass it to `compare_json`"]
pub struct CanonicalJson {
    /// The pointers of the fields that count; `None` for all.
    only: Option<Vec<String>>,
    /// The pointers of fields that do not count, in the order of their removal.
    without: Vec<String>,
}

impl CanonicalJson {
    /// Writes all fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes only these fields. A missing field is not the same as `null`. The
    /// pointers refer to the text after the fields to leave
    /// [out](Self::without) are gone.
    ///
    /// # Panics
    ///
    /// When a pointer does not begin with `/`.
    #[track_caller]
    pub fn only<P: Into<String>>(self, pointers: impl IntoIterator<Item = P>) -> Self {
        let only = Some(checked(pointers));
        Self { only, ..self }
    }

    /// Leaves these fields out, such as the time when a request was sent.
    ///
    /// # Panics
    ///
    /// When a pointer does not begin with `/`.
    #[track_caller]
    pub fn without<P: Into<String>>(self, pointers: impl IntoIterator<Item = P>) -> Self {
        let mut without = checked(pointers);
        // The last element of an array is removed first, and each only once, so
        // that every pointer refers to the same element as in the whole text.
        without.sort_by(|one, other| steps(other).cmp(steps(one)));
        without.dedup();
        Self { without, ..self }
    }

    /// Returns the canonical form of a text: one line of JSON or, if fields are
    /// [chosen](Self::only), one line for each, behind its pointer.
    ///
    /// Returns `None` if the text is not JSON, has an object with two members
    /// of the same name, is nested more than 128 deep, or has a whole number
    /// out of range.
    pub fn canonical(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut value: Value = serde_json::from_slice(text).ok()?;
        if !unique_names::has_unique_names(text) {
            return None;
        }
        self.without
            .iter()
            .for_each(|pointer| remove(&mut value, pointer));
        let mut out = Vec::with_capacity(text.len());
        match &self.only {
            None => write_value(&value, &mut out)?,
            Some(only) => write_chosen(&value, only, &mut out)?,
        }
        Some(out)
    }
}

/// Collects pointers, and panics if one does not begin with `/`.
#[track_caller]
fn checked<P: Into<String>>(pointers: impl IntoIterator<Item = P>) -> Vec<String> {
    let pointers: Vec<String> = pointers.into_iter().map(Into::into).collect();
    for pointer in &pointers {
        let is_pointer = pointer.starts_with('/');
        assert!(is_pointer, "invalid pointer {pointer:?}: must begin with /");
    }
    pointers
}

/// Returns the steps of a pointer, by which pointers are sorted: indices as
/// numbers.
fn steps(pointer: &str) -> impl Iterator<Item = (Option<usize>, &str)> {
    pointer.split('/').map(|step| (array_index(step), step))
}

/// Returns the index of an array's element (RFC 6901, section 4): digits
/// without a leading zero.
fn array_index(step: &str) -> Option<usize> {
    let is_index = step == "0" || !step.starts_with(['0', '+']);
    step.parse().ok().filter(|_| is_index)
}

/// Removes the field at a pointer, if it is there.
fn remove(value: &mut Value, pointer: &str) {
    let Some((parent, name)) = pointer.rsplit_once('/') else {
        return;
    };
    let name = name.replace("~1", "/").replace("~0", "~");
    match value.pointer_mut(parent) {
        Some(Value::Object(members)) => drop(members.remove(&name)),
        Some(Value::Array(elements)) => {
            let index = array_index(&name).filter(|index| *index < elements.len());
            index.map(|index| elements.remove(index));
        }
        _ => {}
    }
}

/// Writes each chosen field on a line of its own. A canonical value never has a
/// line break, so that two lists of fields cannot look the same.
fn write_chosen(value: &Value, only: &[String], out: &mut Vec<u8>) -> Option<()> {
    for pointer in only {
        write_string(pointer, out);
        if let Some(field) = value.pointer(pointer) {
            out.push(b' ');
            write_value(field, out)?;
        }
        out.push(b'\n');
    }
    Some(())
}

/// Writes a value. Returns `None` if a number in it has no canonical form.
fn write_value(value: &Value, out: &mut Vec<u8>) -> Option<()> {
    match value {
        Value::Null => out.extend(b"null"),
        Value::Bool(true) => out.extend(b"true"),
        Value::Bool(false) => out.extend(b"false"),
        Value::Number(number) => write_number(number, out)?,
        Value::String(text) => write_string(text, out),
        Value::Array(elements) => write_array(elements, out)?,
        Value::Object(members) => write_object(members, out)?,
    }
    Some(())
}

fn write_array(elements: &[Value], out: &mut Vec<u8>) -> Option<()> {
    out.push(b'[');
    for (nth, element) in elements.iter().enumerate() {
        separate(nth, out);
        write_value(element, out)?;
    }
    out.push(b']');
    Some(())
}

fn write_object(members: &Map<String, Value>, out: &mut Vec<u8>) -> Option<()> {
    let mut members: Vec<_> = members.iter().collect();
    // RFC 8785, 3.2.3: names are ordered by their UTF-16 code units.
    members.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
    out.push(b'{');
    for (nth, (name, member)) in members.into_iter().enumerate() {
        separate(nth, out);
        write_string(name, out);
        out.push(b':');
        write_value(member, out)?;
    }
    out.push(b'}');
    Some(())
}

/// Writes a comma before every element but the first.
fn separate(nth: usize, out: &mut Vec<u8>) {
    if nth > 0 {
        out.push(b',');
    }
}

/// Writes a string, and escapes only what RFC 8785 escapes, as serde_json does.
fn write_string(text: &str, out: &mut Vec<u8>) {
    // Neither a write to a vector nor a string can fail.
    let _ = serde_json::to_writer(out, text);
}

/// Writes a number. Returns `None` if it is a whole number that a double may
/// have rounded.
fn write_number(number: &Number, out: &mut Vec<u8>) -> Option<()> {
    if number.is_u64() || number.is_i64() {
        out.extend(number.to_string().bytes());
        return Some(());
    }
    let double = number.as_f64().filter(|it| it.is_finite())?;
    if double.fract() != 0.0 {
        out.extend(double.to_string().bytes());
        return Some(());
    }
    // In RFC 8785, 0 has no sign, and 17.0 is 17.
    (double.abs() < MAX_EXACT_DOUBLE).then(|| out.extend((double as i64).to_string().bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> Option<String> {
        let canonical = CanonicalJson::new().canonical(text.as_bytes());
        canonical.map(|it| String::from_utf8(it).unwrap())
    }

    #[test]
    fn equal_texts_have_one_canonical_form() {
        let one = r#" {"b" :[ 1.0,-0.0 ,0.10, 1e2], "a":{"y":null ,"x":"\u0041\/\n\u20ac"}} "#;
        let expected = "{\"a\":{\"x\":\"A/\\n\u{20ac}\",\"y\":null},\"b\":[1,0,0.1,100]}";
        assert_eq!(canonical(one).unwrap(), expected);
        assert_eq!(canonical(expected).unwrap(), expected);
        // The example of RFC 8785, 3.2.3, as far as the order goes.
        let order =
            r#"{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}"#;
        let values: String = canonical(order).unwrap();
        let values: String = values.chars().filter(char::is_ascii_digit).collect();
        assert_eq!(values, "21467153", "the name `1` is among them");
    }

    #[test]
    fn whole_numbers_are_exact_or_have_no_canonical_form() {
        for number in [
            "9007199254740993",
            "9007199254740992",
            "-9223372036854775808",
        ] {
            assert_eq!(canonical(number).unwrap(), number);
        }
        for number in ["18446744073709551616", "1e300", "9007199254740993.0"] {
            assert_eq!(canonical(number), None, "{number}");
        }
    }

    #[test]
    fn an_ambiguous_text_has_no_canonical_form() {
        let deep = "[".repeat(200) + &"]".repeat(200);
        for text in [
            "",
            "{",
            "nul",
            r#"{"a":1,"a":2}"#,
            r#"[{"b":{"a":1,"\u0061":2}}]"#,
            &deep,
        ] {
            assert_eq!(canonical(text), None, "{text}");
        }
    }

    #[test]
    fn fields_are_chosen_by_pointers() {
        let text = br#"{"to":{"name":"Ann","at":1},"sent":2,"a/b":3,"list":[1,2]}"#;
        let only = CanonicalJson::new().only(["/to/name", "/none"]);
        let chosen = only.canonical(text).unwrap();
        assert_eq!(chosen, b"\"/to/name\" \"Ann\"\n\"/none\"\n");
        let null = only.canonical(br#"{"to":{"name":"Ann"},"none":null}"#);
        assert_ne!(null.unwrap(), chosen);
        let without = [
            "/to/at",
            "/sent",
            "/a~1b",
            "/list/0",
            "/none/such",
            "/list/9",
        ];
        let left = CanonicalJson::new().without(without).canonical(text);
        assert_eq!(left.unwrap(), br#"{"list":[2],"to":{"name":"Ann"}}"#);
    }

    /// A removed element does not shift the indices of others.
    #[test]
    fn pointers_are_those_of_the_whole_text() {
        let text = br#"{"list":[0,1,{"a":2,"b":3},3,4,5,6,7,8,9,10]}"#;
        let without = [
            "/list/0",
            "/list/2/a",
            "/list/10",
            "/list/9",
            "/list/1",
            "/list/1",
        ];
        let left = CanonicalJson::new().without(without).canonical(text);
        assert_eq!(left.unwrap(), br#"{"list":[{"b":3},3,4,5,6,7,8]}"#);
        let no_indexes = ["/list/01", "/list/+1", "/list/-", "/list/-1", "/list/"];
        let left = CanonicalJson::new().without(no_indexes).canonical(text);
        assert_eq!(left.unwrap(), text);
    }

    #[test]
    #[should_panic(expected = "invalid pointer \"sent\": must begin with /")]
    fn a_pointer_begins_with_a_slash() {
        let _ = CanonicalJson::new().without(["sent"]);
    }
}
