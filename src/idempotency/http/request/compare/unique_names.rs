//! Finds JSON objects that have two members of the same name. Parsers differ in
//! which of them they use, so that such a text has no single meaning.
//!
//! `serde_json` keeps the last member, so the text itself has to be read for
//! this. A client could otherwise send two requests that look the same here and
//! mean different things to the handler.

use std::{collections::HashSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};

/// Returns whether no object of this text has two members of the same name.
pub(crate) fn has_unique_names(text: &[u8]) -> bool {
    serde_json::from_slice::<UniqueNames>(text).is_ok()
}

/// Reads any value and keeps nothing. It fails at the second member of a name.
struct UniqueNames;

/// Delegates to the visitor below, which is the same type, because nothing is
/// kept.
impl<'de> Deserialize<'de> for UniqueNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueNames)
    }
}

impl<'de> Visitor<'de> for UniqueNames {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("members of different names")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    /// Reads all elements, because objects may be nested in them.
    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self, A::Error> {
        while elements.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    /// Reads the members of an object, and fails if a name comes twice. Escapes
    /// are resolved before names are compared.
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        let mut names = HashSet::new();
        while let Some((name, Self)) = members.next_entry::<String, Self>()? {
            if !names.insert(name) {
                return Err(A::Error::custom("two members have one name"));
            }
        }
        Ok(self)
    }
}
