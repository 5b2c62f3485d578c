//! The key by which a client says that two requests are one.

use std::{error, fmt, ops::RangeInclusive};

use sfv::{
    BareItemFromInput, Parser, Version,
    visitor::{Ignored, ItemVisitor, ParameterVisitor},
};

/// What a client calls one piece of work, as in the header `Idempotency-Key`.
///
/// It is the value that was meant, without quotes and escapes: `"a"` and `a` are
/// the same key. It is a client's secret as much as a client makes it one, so
/// `Debug` shows only how long it is, and there is no `Display`.
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
    /// The value: visible ASCII, and spaces where it came in quotes.
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

/// What a key has to look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "it reads nothing by itself"]
pub struct KeyForm {
    /// Whether a key has to be a string in double quotes.
    is_strict: bool,
    shortest: usize,
    longest: usize,
}

impl KeyForm {
    /// Lenient, of 1 to 255 bytes.
    pub const fn new() -> Self {
        Self {
            is_strict: false,
            shortest: 1,
            longest: 255,
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

    /// How many bytes the value may have, without quotes and escapes. The line of the
    /// header may have twice as many, and 1,026 more for quotes and parameters.
    ///
    /// # Panics
    ///
    /// When that allows an empty key, or none at all.
    #[track_caller]
    pub const fn length(self, bytes: RangeInclusive<usize>) -> Self {
        let (shortest, longest) = (*bytes.start(), *bytes.end());
        assert!(
            shortest > 0,
            "invalid shortest length 0: must be at least 1"
        );
        assert!(
            shortest <= longest,
            "invalid range of lengths: must not end before it begins"
        );
        Self {
            shortest,
            longest,
            ..self
        }
    }

    /// Reads the key from the lines of its header; no line is no key.
    ///
    /// # Errors
    ///
    /// What is wrong, without the key itself.
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

    /// Refuses a line that is longer than any key is written, before it is parsed:
    /// parameters may be as long as a server lets a header be.
    fn check_length(&self, line: &[u8]) -> Result<(), KeyError> {
        // Each byte may be escaped, and there are two quotes.
        let quoted = self.longest.saturating_mul(2).saturating_add(2);
        let (length, most) = (line.len(), quoted.saturating_add(PARAMETERS));
        match length <= most {
            true => Ok(()),
            false => Err(KeyError::Line { length, most }),
        }
    }

    fn read_line(&self, line: &[u8]) -> Result<IdempotencyKey, KeyError> {
        self.check_length(line)?;
        let line = line.trim_ascii();
        let is_quoted = self.is_strict || line.starts_with(b"\"");
        let value = if is_quoted {
            quoted(line)?
        } else {
            bare(line)?
        };
        let (length, allowed) = (value.len(), (self.shortest, self.longest));
        match (self.shortest..=self.longest).contains(&length) {
            true => Ok(IdempotencyKey(value)),
            false => Err(KeyError::Length { length, allowed }),
        }
    }
}

/// How many bytes of a line may be parameters and spaces.
const PARAMETERS: usize = 1_024;

impl Default for KeyForm {
    fn default() -> Self {
        Self::new()
    }
}

fn bare(line: &[u8]) -> Result<Box<str>, KeyError> {
    if line.contains(&b',') {
        return Err(KeyError::Several);
    }
    let fits = |byte: &u8| byte.is_ascii_graphic() && *byte != b'"';
    match str::from_utf8(line) {
        Ok(text) if line.iter().all(fits) => Ok(text.into()),
        _ => Err(KeyError::Bare),
    }
}

fn quoted(line: &[u8]) -> Result<Box<str>, KeyError> {
    let mut value = None;
    let parser = Parser::new(line).with_version(Version::Rfc8941);
    parser
        .parse_item_with_visitor(Text(&mut value))
        .map_err(|error| KeyError::Quoted(error.to_string().into()))?;
    value.ok_or_else(|| KeyError::Quoted(NO_STRING.into()))
}

const NO_STRING: &str = "expected start of string ('\"')";

/// Takes the value of an item that is a string.
struct Text<'a>(&'a mut Option<Box<str>>);

impl<'de> ItemVisitor<'de> for Text<'_> {
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

/// Why a text is no [`IdempotencyKey`]. It says what is allowed, and never what
/// the key was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// There are several lines, or a list.
    Several,
    /// It is not in quotes, and not all visible ASCII without a double quote.
    Bare,
    /// It is no string of RFC 8941, for this reason.
    Quoted(Box<str>),
    /// The line of its header is too long, parameters and all, and was not read.
    Line {
        /// How many bytes it has.
        length: usize,
        /// How many it may have.
        most: usize,
    },
    /// It is too short or too long.
    Length {
        /// How many bytes it has.
        length: usize,
        /// How few and how many it may have.
        allowed: (usize, usize),
    },
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Several => f.write_str(
                "invalid idempotency key header, given several times: must be there once",
            ),
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
                "invalid idempotency key of {length} bytes: must have {} to {}",
                allowed.0, allowed.1
            ),
        }
    }
}

impl error::Error for KeyError {}

#[cfg(test)]
#[path = "tests/key.rs"]
mod tests;
