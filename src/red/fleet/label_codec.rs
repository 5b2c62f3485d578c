//! Labels as words, and back. Series ids and requests in flight contain them.

use http::Method;

use crate::{
    key::EncodedKey,
    red::{
        Kind, Labels,
        labels::{self},
    },
};

/// The number of words that labels take.
pub(crate) const WORDS: usize = 4;

/// Writes the labels as words without spaces, some of which may be empty.
pub(crate) fn write(labels: &Labels) -> String {
    let (kind, method) = (labels.kind.as_str(), labels.method());
    let (route, peer) = (
        EncodedKey::of(&*labels.route),
        EncodedKey::of(&*labels.peer),
    );
    format!("{kind} {method} {route} {peer}")
}

/// Reads the labels; `None` if this version does not understand them.
pub(crate) fn read(words: [&str; WORDS]) -> Option<Labels> {
    let [kind, method, route, peer] = words;
    Some(Labels {
        kind: Kind::ALL.into_iter().find(|it| it.as_str() == kind)?,
        method: match method {
            "" => "".into(),
            // Another instance may know other methods than this one.
            name if Method::from_bytes(name.as_bytes()).is_ok() => labels::owned_method(name),
            // Not a method at all: another program has written it.
            _ => Labels::OTHER.into(),
        },
        route: plain(route)?.into(),
        peer: plain(peer)?.into(),
    })
}

/// Reverses what [`EncodedKey`] has encoded.
fn plain(word: &str) -> Option<String> {
    let mut parts = word.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(text: &str) -> Option<Labels> {
        let words: Vec<_> = text.split(' ').collect();
        read(words.try_into().ok()?)
    }

    #[test]
    fn labels_come_back_whatever_is_in_them() {
        for kind in Kind::ALL {
            for (method, route) in [
                ("", ""),
                ("GET", "/a/{b}"),
                (Labels::OTHER, "%zz \n\t:é\0"),
                ("PROPFIND", "/"),
            ] {
                let labels = Labels {
                    kind,
                    method: method.into(),
                    route: route.into(),
                    peer: "[::1]:80".into(),
                };
                assert_eq!(back(&write(&labels)), Some(labels));
            }
        }
    }

    #[test]
    fn an_unknown_series_decodes_to_none() {
        for text in [
            "",
            "http_server GET /",
            "pigeon GET / ",
            "call  %f ",
            "call  %C3 ",
            "call  %+g ",
        ] {
            assert_eq!(back(text), None, "{text:?}");
        }
        assert_eq!(back("http_server B(R)EW / ").unwrap().method, Labels::OTHER);
    }
}
