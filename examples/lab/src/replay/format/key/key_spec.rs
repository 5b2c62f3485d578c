//! Which part of a line is the key.

use std::{fmt, str::FromStr};

/// The part of a request that a limit goes by.
///
/// ```
/// use lab::replay::KeySpec;
///
/// assert_eq!("ip".parse(), Ok(KeySpec::Ip));
/// assert_eq!("field:user.id".parse(), Ok(KeySpec::Field("user.id".into())));
/// assert!("cookie".parse::<KeySpec>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySpec {
    /// The address of the client.
    Ip,
    /// A header of the request, if the log has it.
    Header(String),
    /// A field of the log.
    Field(String),
    /// The path of the request, without its query.
    Path,
}

impl FromStr for KeySpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = |prefix| {
            text.strip_prefix(prefix)
                .filter(|name: &&str| !name.is_empty())
        };
        match text {
            "ip" => Ok(Self::Ip),
            "path" => Ok(Self::Path),
            _ => named("header:")
                .map(|name| Self::Header(name.to_ascii_lowercase()))
                .or_else(|| named("field:").map(|name| Self::Field(name.to_owned())))
                .ok_or_else(|| "must be ip, path, header:NAME or field:NAME".to_owned()),
        }
    }
}

impl fmt::Display for KeySpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip => f.write_str("ip"),
            Self::Path => f.write_str("path"),
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Field(name) => write!(f, "field:{name}"),
        }
    }
}

impl KeySpec {
    /// Whether the key is in the list of addresses that proxies have written.
    pub(in crate::replay::format) fn is_forwarded(&self) -> bool {
        matches!(self, Self::Header(name) if name == "x-forwarded-for")
    }
}
