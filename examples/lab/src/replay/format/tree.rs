//! The fields to find in a JSON object, and the values found.

use std::borrow::Cow;

/// How many different values a line is searched for.
pub(super) const SLOTS: usize = 3;

/// The fields to find, by the objects that contain them.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) children: Vec<(String, Tree)>,
    /// The value that this field is for, and its priority: the lowest of those
    /// found is taken.
    pub(super) slot: Option<(usize, usize)>,
}

/// A value of a line.
#[derive(Debug)]
pub(super) enum Value<'a> {
    Text(Cow<'a, str>),
    Whole(u64),
    /// A signed or a broken number, or a boolean.
    Other(String),
}

/// The values found so far, with their priorities.
pub(super) type Found<'a> = [Option<(usize, Value<'a>)>; SLOTS];

impl Tree {
    /// Looks for fields of these names, in this order, as the value of a slot.
    /// A dot leads into an object, or is a part of the name.
    pub(super) fn add(&mut self, slot: usize, names: &[&str]) {
        for (priority, name) in names.iter().enumerate() {
            let mut node = &mut *self;
            for part in name.split('.') {
                node = node.child(part);
            }
            node.slot = Some((slot, priority));
            self.child(name).slot = Some((slot, priority));
        }
    }

    /// Returns the child of this name, which is added if it is missing.
    fn child(&mut self, name: &str) -> &mut Self {
        let found = self.children.iter().position(|(known, _)| known == name);
        let index = found.unwrap_or_else(|| {
            self.children.push((name.to_owned(), Self::default()));
            self.children.len() - 1
        });
        &mut self.children[index].1
    }
}

impl<'a> Value<'a> {
    pub(super) fn text(self) -> Cow<'a, [u8]> {
        match self {
            Self::Text(Cow::Borrowed(text)) => Cow::Borrowed(text.as_bytes()),
            Self::Text(Cow::Owned(text)) | Self::Other(text) => Cow::Owned(text.into_bytes()),
            Self::Whole(number) => Cow::Owned(number.to_string().into_bytes()),
        }
    }

    /// Returns the value as a whole number below 2^32.
    pub(super) fn whole(self) -> Option<u32> {
        match self {
            Self::Whole(number) => number.try_into().ok(),
            Self::Text(text) => text.parse().ok(),
            Self::Other(_) => None,
        }
    }
}
