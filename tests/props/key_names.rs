//! Laws of the names that keys have in a shared store: no two keys share one.

use std::{
    collections::HashMap,
    fmt::Debug,
    hash::Hash,
    net::{IpAddr, SocketAddr},
};

use proptest::{collection::vec, prelude::*};
use sluicegate::key::{Client, Either, EncodedKey, StoreKey};

use crate::keys::Pieces;

/// Short texts of bytes that mean something in the form.
fn text() -> impl Strategy<Value = String> {
    "[a1,()%:~{} -]{0,3}|.{0,6}"
}

fn either<A: Debug, B: Debug>(
    first: impl Strategy<Value = A>,
    second: impl Strategy<Value = B>,
) -> impl Strategy<Value = Either<A, B>> {
    prop_oneof![
        first.prop_map(Either::First),
        second.prop_map(Either::Second)
    ]
}

fn check<K: StoreKey + Eq + Hash + Debug>(keys: &[K]) -> Result<(), TestCaseError> {
    let mut seen = HashMap::new();
    for key in keys {
        let name = EncodedKey::in_store("sluicegate", "api", key);
        let (inside, last) = name.split_at(name.len() - 1);
        let inside = inside.strip_prefix(b"sluicegate:{api:");
        prop_assert_eq!(last, b"}");
        let key_bytes = inside.expect("prefix and limiter come first");
        let braced = key_bytes.iter().any(|byte| b"{}".contains(byte));
        prop_assert!(!braced);
        prop_assert!(key_bytes.iter().all(u8::is_ascii_graphic));
        prop_assert!(key_bytes.len() <= 128);
        if let Some(other) = seen.insert(name.clone(), key) {
            prop_assert_eq!(key, other, "{}", String::from_utf8_lossy(&name));
        }
    }
    Ok(())
}

fn named(prefix: &str, limiter: &str, key: impl StoreKey) -> String {
    String::from_utf8(EncodedKey::in_store(prefix, limiter, &key)).unwrap()
}

proptest! {
    #[test]
    fn different_texts_have_different_names(keys in vec(text(), 60)) {
        check(&keys)?;
    }

    #[test]
    fn different_bytes_have_different_names(keys in vec(vec(any::<u8>(), 0..160), 10)) {
        check(&keys)?;
    }

    #[test]
    fn different_numbers_have_different_names(keys in vec((any::<i16>(), any::<u8>()), 100)) {
        check(&keys)?;
    }

    #[test]
    fn different_addresses_have_different_names(
        keys in vec((any::<SocketAddr>(), any::<IpAddr>()), 30),
    ) {
        check(&keys)?;
        check(&keys.iter().map(|(socket, _)| socket).collect::<Vec<_>>())?;
        check(&keys.iter().map(|(_, ip)| Client::from(*ip)).collect::<Vec<_>>())?;
    }

    #[test]
    fn different_tuples_have_different_names(
        keys in vec((text(), (text(), text()), vec(any::<u8>(), 0..2)), 60),
    ) {
        check(&keys)?;
    }

    #[test]
    fn different_options_have_different_names(
        keys in vec((prop::option::of(prop::option::of(text())), prop::option::of(text())), 60),
    ) {
        check(&keys)?;
    }

    #[test]
    fn different_choices_have_different_names(
        keys in vec(either(either(text(), (text(), text())), (0..3_u8, text())), 60),
    ) {
        check(&keys)?;
    }

    #[test]
    fn different_pieces_have_different_names(
        keys in vec(
            (vec("[ab,()]{0,2}", 0..3).prop_map(Pieces), vec("[ab,()]{0,2}", 0..3).prop_map(Pieces)),
            80,
        ),
    ) {
        check(&keys)?;
    }
}

proptest! {
    #[test]
    fn different_limiters_have_different_names(
        asked in vec(("[a:{}%]{0,3}", "[a:{}%]{0,3}", "[a:{}%]{0,3}"), 80),
    ) {
        let mut seen = HashMap::new();
        for all in &asked {
            let name = named(&all.0, &all.1, &all.2);
            prop_assert_eq!(name.matches('{').count(), 1);
            prop_assert_eq!(name.matches('}').count(), 1);
            if let Some(other) = seen.insert(name, all) {
                prop_assert_eq!(all, other);
            }
        }
    }
}
