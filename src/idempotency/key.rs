//! The key of a request, and how it is read from its header.
//!
//! The layer reads a key with its [`KeyForm`]; a service with its own HTTP
//! stack may do the same.

use std::{error, fmt, ops::RangeInclusive};

use sfv::{
    BareItemFromInput, Parser, Version,
    visitor::{Ignored, ItemVisitor, ParameterVisitor},
};

/// How many bytes of a line may be parameters and spaces.
const MAX_PARAMETER_BYTES: usize = 1_024;

/// The name that a client gives to one piece of work, as in the header
/// `Idempotency-Key`.
///
/// It is the value without quotes and escapes: `"a"` and `a` are the same key.
/// A key may be a client's secret, so `Debug` shows only its length, and there
/// is no `Display`.
///
/// ```
/// use sluicegate::idempotency::KeyForm;
///
/// let form = KeyForm::new();
/// let quoted = form.read([r#""order-17""#])?;
/// assert_eq!(quoted, form.read(["order-17"])?);
/// assert_eq!(quoted.unwrap().as_str(), "order-17");
/// assert!(form.read(["a, b"]).is_err());
/// assert_eq!(form.read::<&str>([])?, None);
/// # Ok::<(), sluicegate::idempotency::KeyError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(Box<str>);

impl IdempotencyKey {
    /// Returns the value: visible ASCII, and spaces if it came in quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<[u8]> for IdempotencyKey {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdempotencyKey({} bytes)", self.0.len())
    }
}

/// Which keys are accepted, and how they may be written.
///
/// ```
/// use sluicegate::idempotency::KeyForm;
///
/// let form = KeyForm::new().strict().length(8..=64);
/// assert!(form.read(["bare-key-17"]).is_err());
/// assert!(form.read([r#""quoted-key-17""#]).is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "call `read` to read a key"]
pub struct KeyForm {
    /// Whether a key has to be a string in double quotes.
    is_strict: bool,
    /// The least bytes of the value: at least 1.
    min_bytes: usize,
    /// The most bytes of the value.
    max_bytes: usize,
}

impl KeyForm {
    /// Accepts quoted and bare keys of 1 to 255 bytes.
    pub const fn new() -> Self {
        Self {
            is_strict: false,
            min_bytes: 1,
            max_bytes: 255,
        }
    }

    /// Accepts only a string in double quotes, as RFC 8941 defines it: `\"` and
    /// `\\` are the only escapes, and parameters behind it are ignored.
    ///
    /// Unless set, bare keys are accepted too, because most clients send them:
    /// visible ASCII without a comma or a double quote.
    pub const fn strict(self) -> Self {
        Self {
            is_strict: true,
            ..self
        }
    }

    /// Sets how many bytes the value may have, without quotes and escapes. The
    /// line of the header may have twice as many, and 1,026 more for quotes and
    /// parameters.
    ///
    /// # Panics
    ///
    /// When the range allows an empty key, or is empty.
    #[track_caller]
    pub const fn length(self, bytes: RangeInclusive<usize>) -> Self {
        let (min_bytes, max_bytes) = (*bytes.start(), *bytes.end());
        assert!(
            min_bytes > 0,
            "invalid key length 0: must be at least 1 byte"
        );
        assert!(
            min_bytes <= max_bytes,
            "invalid range of key lengths: must not be empty"
        );
        Self {
            min_bytes,
            max_bytes,
            ..self
        }
    }

    /// Reads the key from the lines of its header. Returns `None` without a
    /// line.
    ///
    /// # Errors
    ///
    /// Says what is wrong, without showing the key.
    pub fn read<L: AsRef<[u8]>>(
        &self,
        lines: impl IntoIterator<Item = L>,
    ) -> Result<Option<IdempotencyKey>, KeyError> {
        let mut lines = lines.into_iter();
        let Some(line) = lines.next() else {
            return Ok(None);
        };
        match lines.next() {
            Some(_) => Err(KeyError::Several),
            None => self.read_line(line.as_ref()).map(Some),
        }
    }

    /// Refuses a line that is longer than any valid one before it is parsed,
    /// because a server may accept headers of any length.
    fn check_line_length(&self, line: &[u8]) -> Result<(), KeyError> {
        // Each byte may be escaped, and there are two quotes.
        let quoted = self.max_bytes.saturating_mul(2).saturating_add(2);
        let most = quoted.saturating_add(MAX_PARAMETER_BYTES);
        let length = line.len();
        match length <= most {
            true => Ok(()),
            false => Err(KeyError::Line { length, most }),
        }
    }

    /// Reads a key from the only line of its header.
    fn read_line(&self, line: &[u8]) -> Result<IdempotencyKey, KeyError> {
        self.check_line_length(line)?;
        let line = line.trim_ascii();
        let value = match self.is_strict || line.starts_with(b"\"") {
            true => read_quoted(line)?,
            false => read_bare(line)?,
        };
        let (length, allowed) = (value.len(), (self.min_bytes, self.max_bytes));
        match (self.min_bytes..=self.max_bytes).contains(&length) {
            true => Ok(IdempotencyKey(value)),
            false => Err(KeyError::Length { length, allowed }),
        }
    }
}

impl Default for KeyForm {
    fn default() -> Self {
        Self::new()
    }
}

/// Reads a key without quotes.
fn read_bare(line: &[u8]) -> Result<Box<str>, KeyError> {
    if line.contains(&b',') {
        return Err(KeyError::Several);
    }
    let fits = |byte: &u8| byte.is_ascii_graphic() && *byte != b'"';
    match str::from_utf8(line) {
        Ok(text) if line.iter().all(fits) => Ok(text.into()),
        _ => Err(KeyError::Bare),
    }
}

/// Reads a key in double quotes, and ignores the parameters behind it.
fn read_quoted(line: &[u8]) -> Result<Box<str>, KeyError> {
    let mut value = None;
    let parser = Parser::new(line).with_version(Version::Rfc8941);
    parser
        .parse_item_with_visitor(StringVisitor(&mut value))
        .map_err(|error| KeyError::Quoted(error.to_string().into()))?;
    value.ok_or_else(|| KeyError::Quoted(NOT_A_STRING.into()))
}

/// The reason for a valid item that is not a string, in the parser's words.
const NOT_A_STRING: &str = "expected start of string ('\"')";

/// Stores the value of an item that is a string.
struct StringVisitor<'a>(&'a mut Option<Box<str>>);

impl<'de> ItemVisitor<'de> for StringVisitor<'_> {
    type Error = fmt::Error;

    fn bare_item(
        self,
        item: BareItemFromInput<'de>,
    ) -> Result<impl ParameterVisitor<'de>, fmt::Error> {
        if let BareItemFromInput::String(text) = item {
            *self.0 = Some(text.as_str().into());
        }
        Ok(Ignored)
    }
}

/// The error of reading a header that has no valid [`IdempotencyKey`]. It says
/// what is allowed, and never shows the key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// There are several lines, or a list of keys.
    Several,
    /// A bare key is not visible ASCII without a double quote.
    Bare,
    /// A quoted key is not a string of RFC 8941; this is the reason.
    Quoted(Box<str>),
    /// The line is too long, parameters included, and was not parsed.
    Line {
        /// How many bytes it has.
        length: usize,
        /// How many it may have.
        most: usize,
    },
    /// The key is too short or too long.
    Length {
        /// How many bytes it has.
        length: usize,
        /// The least and the most bytes that it may have.
        allowed: (usize, usize),
    },
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Several => {
                f.write_str("invalid idempotency key header, sent several times: must be sent once")
            }
            Self::Bare => f.write_str(
                "invalid idempotency key: must be visible ASCII, or a string in double quotes",
            ),
            Self::Quoted(why) => write!(
                f,
                "invalid idempotency key: must be a string in double quotes, but {why}"
            ),
            Self::Line { length, most } => write!(
                f,
                "invalid idempotency key header of {length} bytes: must be at most {most}"
            ),
            Self::Length { length, allowed } => write!(
                f,
                "invalid idempotency key of {length} bytes: must be {} to {}",
                allowed.0, allowed.1
            ),
        }
    }
}

impl error::Error for KeyError {}

#[cfg(test)]
#[path = "tests/key.rs"]
mod tests;
