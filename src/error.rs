//! Errors that all modules share. A setting that is out of its bounds fails
//! with one error type, so that one `From` or one match arm of an application
//! covers quotas, client addresses and everything else that a configuration
//! contains.

use std::{error::Error, fmt};

/// Any error that can be sent to another thread; the error type of most Tower
/// services.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// A setting that is not allowed: the field, its value, and what is allowed.
///
/// Constructors that take numbers or text from a configuration return it.
/// Builder methods panic with the same text instead, at the caller's line.
///
/// ```
/// use sluicegate::key::ClientIp;
///
/// let error = ClientIp::forwarded_for(["10.0.0.0/33"]).unwrap_err();
/// assert_eq!((error.field(), error.value()), ("trusted network", "10.0.0.0/33"));
/// assert_eq!(
///     error.to_string(),
///     "invalid trusted network \"10.0.0.0/33\": must be a network such as 10.0.0.0/8 or \
///      2001:db8::/32, or a single address",
/// );
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct InvalidSetting {
    field: &'static str,
    value: String,
    /// Whether the value is text, which is shown in quotes.
    is_text: bool,
    allowed: &'static str,
}

impl InvalidSetting {
    /// A number or a duration that is not allowed.
    pub(crate) fn new(
        field: &'static str,
        value: impl fmt::Display,
        allowed: &'static str,
    ) -> Self {
        Self {
            field,
            value: value.to_string(),
            is_text: false,
            allowed,
        }
    }

    /// A text that is not allowed. The message shows it in quotes.
    pub(crate) fn text(field: &'static str, value: &str, allowed: &'static str) -> Self {
        Self {
            is_text: true,
            ..Self::new(field, value, allowed)
        }
    }

    /// Returns the name of the field, such as `trusted network`.
    pub fn field(&self) -> &str {
        self.field
    }

    /// Returns the rejected value as text, without quotes.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Returns what is allowed instead.
    pub fn allowed(&self) -> &'static str {
        self.allowed
    }
}

impl fmt::Display for InvalidSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            field,
            value,
            is_text,
            allowed,
        } = self;
        match is_text {
            true => write!(f, "invalid {field} {value:?}: must be {allowed}"),
            false => write!(f, "invalid {field} {value}: must be {allowed}"),
        }
    }
}

impl fmt::Debug for InvalidSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InvalidSetting({self})")
    }
}

impl Error for InvalidSetting {}

/// Returns the setting, or panics with the text of the error at the caller's
/// line. Builder methods use it, because their arguments are mostly constants.
#[track_caller]
pub(crate) fn valid<T>(setting: Result<T, InvalidSetting>) -> T {
    // Not `unwrap_or_else`: a closure would be the caller that the panic names.
    match setting {
        Ok(setting) => setting,
        Err(error) => panic!("{error}"),
    }
}
