//! JSON, written in one way.

use serde_json::{Number, Value};

use super::unique_names;

/// JSON that is written in one way, so that two texts which mean the same are the same:
/// as the JSON Canonicalization Scheme has it (RFC 8785), without spaces, and with the
/// members of objects in the order of their names.
///
/// Fields may be chosen, by JSON pointers (RFC 6901):
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
/// Whole numbers from -2^63 to 2^64 - 1 are exact, also where RFC 8785 would round them.
/// Others are doubles, as in RFC 8785: `0.1` and `0.10` are the same, and so are two
/// fractions that no double tells apart. They are written without an exponent, where
/// RFC 8785 has one below 10^-6. A text with a larger whole number has no
/// canonical form.
#[derive(Clone, Debug, Default)]
#[must_use = "it compares nothing by itself"]
pub struct CanonicalJson {
    only: Option<Vec<String>>,
    without: Vec<String>,
}

impl CanonicalJson {
    /// With all fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// With these fields alone. One that is missing is not the same as one that is
    /// `null`. The pointers are those of the text that is left [without](Self::without)
    /// other fields.
    ///
    /// # Panics
    ///
    /// When a pointer does not begin with `/`.
    #[track_caller]
    pub fn only<P: Into<String>>(self, pointers: impl IntoIterator<Item = P>) -> Self {
        let only = Some(checked(pointers));
        Self { only, ..self }
    }

    /// Without these fields, such as the time at which a request was sent.
    ///
    /// # Panics
    ///
    /// When a pointer does not begin with `/`.
    #[track_caller]
    pub fn without<P: Into<String>>(self, pointers: impl IntoIterator<Item = P>) -> Self {
        let mut without = checked(pointers);
        // The last element of an array first, and each once, so that no pointer means
        // another element than it does in the whole text.
        without.sort_by(|one, other| steps(other).cmp(steps(one)));
        without.dedup();
        Self { without, ..self }
    }

    /// The canonical form of this text: one line of JSON, or if fields are
    /// [chosen](Self::only) one for each, behind its pointer.
    ///
    /// There is none for what is not JSON, has an object with two members of one name,
    /// is nested more than 128 deep, or has a whole number out of range.
    pub fn canonical(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut value: Value = serde_json::from_slice(text).ok()?;
        if !unique_names::has_unique_names(text) {
            return None;
        }
        self.without
            .iter()
            .for_each(|pointer| remove(&mut value, pointer));
        let mut to = Vec::with_capacity(text.len());
        match &self.only {
            None => write(&value, &mut to)?,
            Some(only) => chosen(&value, only, &mut to)?,
        }
        Some(to)
    }
}

#[track_caller]
fn checked<P: Into<String>>(pointers: impl IntoIterator<Item = P>) -> Vec<String> {
    let pointers: Vec<String> = pointers.into_iter().map(Into::into).collect();
    for pointer in &pointers {
        let is_pointer = pointer.starts_with('/');
        assert!(is_pointer, "invalid pointer {pointer:?}: must begin with /");
    }
    pointers
}

/// The steps of a pointer, by which pointers are in order.
fn steps(pointer: &str) -> impl Iterator<Item = (Option<usize>, &str)> {
    pointer.split('/').map(|step| (index(step), step))
}

/// The index of an array's element (RFC 6901, section 4): digits without a leading zero.
fn index(step: &str) -> Option<usize> {
    let is_index = step == "0" || !step.starts_with(['0', '+']);
    step.parse().ok().filter(|_| is_index)
}

/// Each on a line of its own, which no canonical text has.
fn chosen(value: &Value, only: &[String], to: &mut Vec<u8>) -> Option<()> {
    for pointer in only {
        text(pointer, to);
        if let Some(field) = value.pointer(pointer) {
            to.push(b' ');
            write(field, to)?;
        }
        to.push(b'\n');
    }
    Some(())
}

fn remove(value: &mut Value, pointer: &str) {
    let Some((parent, name)) = pointer.rsplit_once('/') else {
        return;
    };
    let name = name.replace("~1", "/").replace("~0", "~");
    match value.pointer_mut(parent) {
        Some(Value::Object(members)) => drop(members.remove(&name)),
        Some(Value::Array(elements)) => {
            let index = index(&name).filter(|index| *index < elements.len());
            index.map(|index| elements.remove(index));
        }
        _ => {}
    }
}

fn write(value: &Value, to: &mut Vec<u8>) -> Option<()> {
    match value {
        Value::Null => to.extend(b"null"),
        Value::Bool(true) => to.extend(b"true"),
        Value::Bool(false) => to.extend(b"false"),
        Value::Number(it) => number(it, to)?,
        Value::String(it) => text(it, to),
        Value::Array(elements) => {
            to.push(b'[');
            for (nth, element) in elements.iter().enumerate() {
                separate(nth, to);
                write(element, to)?;
            }
            to.push(b']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            // RFC 8785, 3.2.3: by their UTF-16 code units.
            members.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
            to.push(b'{');
            for (nth, (name, member)) in members.into_iter().enumerate() {
                separate(nth, to);
                text(name, to);
                to.push(b':');
                write(member, to)?;
            }
            to.push(b'}');
        }
    }
    Some(())
}

fn separate(nth: usize, to: &mut Vec<u8>) {
    if nth > 0 {
        to.push(b',');
    }
}

/// Escapes what has to be, as RFC 8785 does.
fn text(text: &str, to: &mut Vec<u8>) {
    // Writing to a vector cannot fail, and neither can a string.
    let _ = serde_json::to_writer(to, text);
}

/// The largest whole number of which a double is sure.
const SAFE: f64 = 9_007_199_254_740_992.0;

fn number(number: &Number, to: &mut Vec<u8>) -> Option<()> {
    if number.is_u64() || number.is_i64() {
        to.extend(number.to_string().bytes());
        return Some(());
    }
    let double = number.as_f64().filter(|it| it.is_finite())?;
    if double.fract() != 0.0 {
        to.extend(double.to_string().bytes());
        return Some(());
    }
    // 0 has no sign in RFC 8785, and 17.0 is 17.
    (double.abs() < SAFE).then(|| to.extend((double as i64).to_string().bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> Option<String> {
        let canonical = CanonicalJson::new().canonical(text.as_bytes());
        canonical.map(|it| String::from_utf8(it).unwrap())
    }

    #[test]
    fn it_is_written_in_one_way() {
        let one = r#" {"b" :[ 1.0,-0.0 ,0.10, 1e2], "a":{"y":null ,"x":"\u0041\/\n\u20ac"}} "#;
        let expected = "{\"a\":{\"x\":\"A/\\n\u{20ac}\",\"y\":null},\"b\":[1,0,0.1,100]}";
        assert_eq!(canonical(one).unwrap(), expected);
        assert_eq!(canonical(expected).unwrap(), expected);
        // The example of RFC 8785, 3.2.3, as far as it goes by the order.
        let order =
            r#"{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}"#;
        let values: String = canonical(order).unwrap();
        let values: String = values.chars().filter(char::is_ascii_digit).collect();
        assert_eq!(values, "21467153", "the name `1` is among them");
    }

    #[test]
    fn no_two_whole_numbers_are_the_same() {
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
    fn what_may_be_read_in_two_ways_has_no_canonical_form() {
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

    /// Whatever is left out beside them.
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
