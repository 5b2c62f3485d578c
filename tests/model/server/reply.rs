//! What a command answers, or why it refuses.

/// The answer of a command.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Nil,
    Whole(i64),
    Text(Vec<u8>),
    Status(&'static str),
    List(Vec<Answer>),
}

/// Why a command refuses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Refused {
    /// The key holds a value of another type.
    WrongType,
    /// An argument or a value is not a whole number.
    NoNumber,
    /// The server lacks the command or its option.
    Unknown,
}

pub(crate) type Answered = Result<Answer, Refused>;

impl Answer {
    pub(crate) const OK: Self = Self::Status("OK");

    pub(crate) fn text(text: impl Into<Vec<u8>>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn count(count: usize) -> Self {
        Self::Whole(count as i64)
    }

    pub(crate) fn flag(is: bool) -> Self {
        Self::Whole(is.into())
    }

    pub(crate) fn or_nil(text: Option<impl Into<Vec<u8>>>) -> Self {
        text.map_or(Self::Nil, Self::text)
    }
}

impl Refused {
    /// The error as a server words it; `None` if it is a fault of the model.
    pub(crate) fn error(self) -> Option<&'static str> {
        match self {
            Self::WrongType => {
                Some("WRONGTYPE Operation against a key holding the wrong kind of value")
            }
            Self::NoNumber => Some("ERR value is not an integer or out of range"),
            Self::Unknown => None,
        }
    }
}
