//! The names of deadlines, which messages carry.

use std::{
    fmt::{self, Write},
    hash::{Hash, Hasher},
    str::FromStr,
    sync::Arc,
};

use super::error::Error;
use crate::key::EncodedKey;

/// The longest name of a root, as it is written.
const MAX_NAME_BYTES: usize = 128;

/// The longest chain from a root to a descendant, both included. It bounds the
/// keys of one call.
const MAX_GENERATIONS: usize = 16;

/// Whole numbers below this are exact in Lua.
const MAX_EXACT: u64 = 1 << 53;

/// The name of a deadline in a [`Registry`](super::Registry), which a message
/// can carry.
///
/// It is printable ASCII without a space: `Display` writes it, and `FromStr`
/// reads it. A child's begins with its parent's, so that its holders know which
/// cancellations concern it. An id from a registry in Redis also carries when
/// it was issued and for how long, behind a `;` or, if Redis was unavailable, a
/// `~` (see `Builder::skew`). Two ids are equal if they name the same deadline,
/// whatever else they carry.
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
    /// The root and its descendants down to this one, separated by colons.
    path: Arc<str>,
    issued: Option<Issued>,
}

/// When an id was issued and for how long, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Issued {
    /// Since 1970.
    pub(super) at: u64,
    /// How long it was to last.
    pub(super) budget: u64,
    /// Whether the registry has confirmed that it has a record.
    pub(super) is_recorded: bool,
}

impl Id {
    /// Returns an id with a name of the caller's own, for
    /// [`register_as`](super::Registry::register_as).
    ///
    /// # Errors
    ///
    /// [`Malformed`](Error::Malformed) when it is empty, or longer than 128
    /// bytes when it is [written](crate::key::StoreKey#the-form).
    pub fn named(name: &str) -> Result<Self, Error> {
        EncodedKey::of(name).to_string().parse()
    }

    /// Returns a new id of 128 random bits for a root.
    pub(super) fn random() -> Self {
        Self::of(&random_word())
    }

    /// Returns a new id for a child.
    pub(super) fn child(&self) -> Result<Self, Error> {
        match self.chain().count() < MAX_GENERATIONS {
            true => Ok(Self::of(&format!("{}:{}", self.path, random_word()))),
            false => Err(Error::TooDeep),
        }
    }

    /// Returns the id with this path, which carries nothing else.
    fn of(path: &str) -> Self {
        let path = path.into();
        Self { path, issued: None }
    }

    /// Returns the names of the root and its descendants, separated by colons.
    pub(super) fn path(&self) -> &Arc<str> {
        &self.path
    }

    /// Returns the paths from the root's down to its own.
    pub(super) fn chain(&self) -> impl Iterator<Item = &str> {
        let path = &*self.path;
        let colons = path.match_indices(':').map(|(at, _)| at);
        colons.chain([path.len()]).map(|end| &path[..end])
    }
}

#[cfg(feature = "redis")]
impl Id {
    /// Returns what it carries besides its name.
    pub(super) fn issued(&self) -> Option<Issued> {
        self.issued
    }

    /// Returns whether Redis has had a record of it. If not, Redis may not know
    /// it.
    pub(super) fn is_recorded(&self) -> bool {
        self.issued.is_none_or(|issued| issued.is_recorded)
    }

    /// Returns the same id, carrying this.
    pub(super) fn with_issued(self, issued: Issued) -> Self {
        let issued = Some(issued);
        Self { issued, ..self }
    }
}

/// Returns the first name in a path.
pub(super) fn root(path: &str) -> &str {
    path.split(':').next().unwrap_or_default()
}

/// Returns 128 random bits as 32 hex digits.
///
/// # Panics
///
/// When the operating system has no random numbers, as a `HashMap` does.
fn random_word() -> String {
    format!("{:032x}", u128::from_ne_bytes(crate::random::bytes()))
}

impl FromStr for Id {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (path, issued) = match text.find([';', '~']) {
            Some(at) => (&text[..at], Some(read_issued(&text[at..])?)),
            None => (text, None),
        };
        let mut words = path.split(':');
        let is_sound = words.next().is_some_and(is_name) && words.all(is_word);
        let id = Self {
            issued,
            ..Self::of(path)
        };
        match is_sound && id.chain().count() <= MAX_GENERATIONS {
            true => Ok(id),
            false => Err(Error::Malformed),
        }
    }
}

/// Reads `;<at>+<budget>`, or `~<at>+<budget>` for an id without a record.
fn read_issued(text: &str) -> Result<Issued, Error> {
    let number = |text: &str| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits);
        number.filter(|number| *number < MAX_EXACT)
    };
    let read = || {
        let (at, budget) = text.get(1..)?.split_once('+')?;
        Some(Issued {
            at: number(at)?,
            budget: number(budget)?,
            is_recorded: text.starts_with(';'),
        })
    };
    read().ok_or(Error::Malformed)
}

/// Returns whether this may be the name of a root.
fn is_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._@+/=%".contains(&byte);
    !text.is_empty() && text.len() <= MAX_NAME_BYTES && text.bytes().all(is_allowed)
}

/// Returns whether this may be the name of a child.
fn is_word(text: &str) -> bool {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == 32 && text.bytes().all(is_hex)
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        let Some(issued) = self.issued else {
            return Ok(());
        };
        f.write_char(if issued.is_recorded { ';' } else { '~' })?;
        write!(f, "{}+{}", issued.at, issued.budget)
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
        let mut issued = root.clone();
        issued.issued = Some(Issued {
            at: 7,
            budget: 9,
            is_recorded: false,
        });
        let read: Id = issued.to_string().parse().unwrap();
        assert_eq!(read.issued, issued.issued);
        let long = "x".repeat(129);
        let wrong = [
            "", ":", "a:b", "a b", "a}", "a;", "a;1", "a;+1+2", "a;1+2x", "é", &long,
        ];
        for text in wrong {
            assert_eq!(text.parse::<Id>(), Err(Error::Malformed), "{text}");
        }
    }

    #[test]
    fn a_tree_has_at_most_16_generations() {
        let mut id = Id::named("root").unwrap();
        for _ in 1..MAX_GENERATIONS {
            let child = id.child().unwrap();
            assert_eq!(child.chain().count(), id.chain().count() + 1);
            assert!(child.chain().any(|path| path == &**id.path()));
            id = child;
        }
        assert_eq!(id.child(), Err(Error::TooDeep));
    }
}
