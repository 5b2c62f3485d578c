//! Finds a few fields in a JSON object without building the rest of it.

use std::{borrow::Cow, fmt};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::tree::{Found, SLOTS, Tree, Value};

/// Returns the values of the slots; `None` if the line is not an object. Of several
/// values for one field, the first counts, or the last if `takes_last`.
pub(super) fn find<'a>(
    tree: &Tree,
    takes_last: bool,
    line: &'a [u8],
) -> Option<[Option<Value<'a>>; SLOTS]> {
    if line.trim_ascii_start().first() != Some(&b'{') {
        return None;
    }
    let mut found = Found::default();
    let mut json = serde_json::Deserializer::from_slice(line);
    let walk = Walk {
        tree,
        takes_last,
        found: &mut found,
    };
    walk.deserialize(&mut json).ok()?;
    json.end().ok()?;
    Some(found.map(|found| found.map(|(_, value)| value)))
}

/// Walks through a value, where `tree` says what to take from it.
struct Walk<'t, 'f, 'a> {
    tree: &'t Tree,
    takes_last: bool,
    found: &'f mut Found<'a>,
}

impl<'a> Walk<'_, '_, 'a> {
    fn take(self, value: Value<'a>) {
        let Some((slot, priority)) = self.tree.slot else {
            return;
        };
        let found = &mut self.found[slot];
        let is_better = |taken| priority < taken || self.takes_last && priority == taken;
        if found.as_ref().is_none_or(|(taken, _)| is_better(*taken)) {
            *found = Some((priority, value));
        }
    }

    /// Walks through a part of the value.
    fn part<'s>(&'s mut self, tree: &'s Tree) -> Walk<'s, 's, 'a> {
        Walk {
            tree,
            takes_last: self.takes_last,
            found: &mut *self.found,
        }
    }
}

impl<'a> DeserializeSeed<'a> for Walk<'_, '_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Walk<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<(), E> {
        self.take(Value::Text(Cow::Borrowed(text)));
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.take(Value::Text(Cow::Owned(text.to_owned())));
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.take(Value::Whole(number));
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.take(Value::Other(number.to_string()));
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.take(Value::Other(number.to_string()));
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.take(Value::Other(value.to_string()));
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    /// Goes through all items, because a header may have several values.
    fn visit_seq<A: SeqAccess<'a>>(mut self, mut items: A) -> Result<(), A::Error> {
        let tree = self.tree;
        while items.next_element_seed(self.part(tree))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut fields: A) -> Result<(), A::Error> {
        while let Some(child) = fields.next_key_seed(Name(self.tree))? {
            match child {
                Some(tree) => fields.next_value_seed(self.part(tree))?,
                None => {
                    fields.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// Reads the name of a field, and finds what to take from the field.
struct Name<'t>(&'t Tree);

impl<'a, 't> DeserializeSeed<'a> for Name<'t> {
    type Value = Option<&'t Tree>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a, 't> Visitor<'a> for Name<'t> {
    type Value = Option<&'t Tree>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        let child = self
            .0
            .children
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        Ok(child.map(|(_, tree)| tree))
    }
}
