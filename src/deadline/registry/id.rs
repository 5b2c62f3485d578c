//! What travels instead of a deadline.

use std::{
    fmt::{self, Write},
    hash::{Hash, Hasher},
    str::FromStr,
    sync::Arc,
};

use super::error::Error;
use crate::key::EncodedKey;

/// How long the name of a root may be when it is written.
const LONGEST: usize = 128;

/// How many generations a tree may have.
const DEEPEST: usize = 16;

/// Below this, all whole numbers are exact in Lua.
const FURTHEST: u64 = 1 << 53;

/// The name of a deadline in a [`Registry`](super::registry::Registry): what a message
/// carries.
///
/// It is printable ASCII without a space: `Display` writes it, and `FromStr`
/// reads it. A child's begins with its parent's, so whoever holds it knows whose
/// cancellation concerns it. An id that came from a registry in Redis also says
/// since when and for how long it was to last, behind a `;` or, where Redis was
/// away, a `~` (see `Builder::skew`). Two ids are equal when they name the same
/// deadline, whatever they say beside that.
///
/// ```
/// use sluicegate::deadline::registry::Id;
///
/// let id = Id::named("order 17")?;
/// assert_eq!(id.to_string(), "order%2017");
/// assert_eq!(id.to_string().parse::<Id>()?, id);
/// # Ok::<(), sluicegate::deadline::registry::Error>(())
/// ```
#[derive(Clone)]
pub struct Id {
    /// The root and its descendants down to this one, apart by colons.
    path: Arc<str>,
    sent: Option<Sent>,
}

/// What an id says of its deadline, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    /// When it was given out, since 1970.
    pub(super) at: u64,
    pub(super) budget: u64,
    /// Whether the registry answered that it has it.
    pub(super) recorded: bool,
}

impl Id {
    /// A name of the caller's own, for [`register_as`](super::registry::Registry::register_as),
    /// and for whoever has to find that deadline by it.
    ///
    /// # Errors
    ///
    /// [`Malformed`](Error::Malformed) when it is empty, or longer than 128
    /// bytes when it is [written](crate::key::StoreKey#the-form).
    pub fn named(name: &str) -> Result<Self, Error> {
        EncodedKey::of(name).to_string().parse()
    }

    /// A name that nobody else has: 128 random bits.
    pub(super) fn random() -> Self {
        Self::of(&word())
    }

    /// A child's name that nobody else has.
    pub(super) fn child(&self) -> Result<Self, Error> {
        match self.chain().count() < DEEPEST {
            true => Ok(Self::of(&format!("{}:{}", self.path, word()))),
            false => Err(Error::TooDeep),
        }
    }

    fn of(path: &str) -> Self {
        let path = path.into();
        Self { path, sent: None }
    }

    pub(super) fn path(&self) -> &Arc<str> {
        &self.path
    }

    /// The paths from the root's down to its own.
    pub(super) fn chain(&self) -> impl Iterator<Item = &str> {
        let path = &*self.path;
        let colons = path.match_indices(':').map(|(at, _)| at);
        colons.chain([path.len()]).map(|end| &path[..end])
    }
}

#[cfg(feature = "redis")]
impl Id {
    pub(super) fn sent(&self) -> Option<Sent> {
        self.sent
    }

    pub(super) fn saying(self, sent: Sent) -> Self {
        let sent = Some(sent);
        Self { sent, ..self }
    }
}

/// The first name in a path.
pub(super) fn root(path: &str) -> &str {
    path.split(':').next().unwrap_or_default()
}

/// 32 hex digits.
///
/// # Panics
///
/// When the operating system has no random numbers, as a `HashMap` does.
fn word() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system has random numbers");
    format!("{:032x}", u128::from_ne_bytes(bytes))
}

impl FromStr for Id {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (path, sent) = match text.find([';', '~']) {
            Some(at) => (&text[..at], Some(said(&text[at..])?)),
            None => (text, None),
        };
        let mut words = path.split(':');
        let sound = words.next().is_some_and(is_name) && words.all(is_word);
        let id = Self {
            sent,
            ..Self::of(path)
        };
        match sound && id.chain().count() <= DEEPEST {
            true => Ok(id),
            false => Err(Error::Malformed),
        }
    }
}

/// Reads `;<at>+<budget>`, with a `~` where nothing was recorded.
fn said(text: &str) -> Result<Sent, Error> {
    let number = |text: &str| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits);
        number.filter(|number| *number < FURTHEST)
    };
    let read = || {
        let (at, budget) = text.get(1..)?.split_once('+')?;
        Some(Sent {
            at: number(at)?,
            budget: number(budget)?,
            recorded: text.starts_with(';'),
        })
    };
    read().ok_or(Error::Malformed)
}

fn is_name(text: &str) -> bool {
    let stays = |byte: u8| byte.is_ascii_alphanumeric() || b"-._@+/=%".contains(&byte);
    !text.is_empty() && text.len() <= LONGEST && text.bytes().all(stays)
}

fn is_word(text: &str) -> bool {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == 32 && text.bytes().all(is_hex)
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        let Some(sent) = self.sent else {
            return Ok(());
        };
        f.write_char(if sent.recorded { ';' } else { '~' })?;
        write!(f, "{}+{}", sent.at, sent.budget)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({self})")
    }
}

impl PartialEq for Id {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl Eq for Id {}

impl Hash for Id {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.path.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_what_it_writes_and_nothing_else() {
        let root = Id::random();
        let child = root.child().unwrap();
        for id in [&root, &child, &Id::named("a:b}{~;").unwrap()] {
            assert_eq!(id.to_string().parse::<Id>().as_ref(), Ok(id));
        }
        let mut said = root.clone();
        said.sent = Some(Sent {
            at: 7,
            budget: 9,
            recorded: false,
        });
        let read: Id = said.to_string().parse().unwrap();
        assert_eq!(read.sent, said.sent);
        let long = "x".repeat(129);
        let wrong = [
            "", ":", "a:b", "a b", "a}", "a;", "a;1", "a;+1+2", "a;1+2x", "é", &long,
        ];
        for text in wrong {
            assert_eq!(text.parse::<Id>(), Err(Error::Malformed), "{text}");
        }
    }

    #[test]
    fn a_tree_has_an_end() {
        let mut id = Id::named("root").unwrap();
        for _ in 1..DEEPEST {
            let child = id.child().unwrap();
            assert_eq!(child.chain().count(), id.chain().count() + 1);
            assert!(child.chain().any(|path| path == &**id.path()));
            id = child;
        }
        assert_eq!(id.child(), Err(Error::TooDeep));
    }
}
