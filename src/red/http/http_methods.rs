//! Which methods of HTTP are labels. A registry has a list of them, because anybody
//! may send any method.

use std::borrow::Cow;

use http::Method;

use crate::red::labels::OTHER;

/// The methods of HTTP that are told apart: the usual ones, or a list.
#[derive(Clone, Debug)]
pub(crate) struct HttpMethods(Option<Box<[Box<str>]>>);

/// Those that semantic conventions know (RFC 9110, PATCH of RFC 5789, QUERY).
const USUAL: [&str; 10] = [
    "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE", "QUERY",
];

/// More of them would multiply the series of each route.
const MOST: usize = 64;

impl HttpMethods {
    pub(crate) fn usual() -> Self {
        Self(None)
    }

    /// # Panics
    ///
    /// When there are none or more than 64, or when one is no method.
    #[track_caller]
    pub(crate) fn of(names: impl IntoIterator<Item: AsRef<str>>) -> Self {
        let names: Vec<_> = names.into_iter().map(|it| checked(it.as_ref())).collect();
        let count = names.len();
        assert!(
            (1..=MOST).contains(&count),
            "invalid http_methods of {count} names: must be 1 to {MOST}"
        );
        Self(Some(names.into()))
    }

    /// Returns the label of a method. It is case-sensitive.
    #[inline]
    pub(crate) fn label(&self, method: &Method) -> &str {
        let name = method.as_str();
        let known = match &self.0 {
            Some(list) => list.iter().map(|it| &**it).find(|it| *it == name),
            None => USUAL.into_iter().find(|it| *it == name),
        };
        known.unwrap_or(OTHER)
    }
}

#[track_caller]
fn checked(name: &str) -> Box<str> {
    assert!(
        Method::from_bytes(name.as_bytes()).is_ok(),
        "invalid http_methods {name:?}: must be a method of HTTP"
    );
    name.into()
}

/// Returns the name for labels to keep, without an allocation if it is usual.
pub(crate) fn owned(name: &str) -> Cow<'static, str> {
    let all = USUAL.iter().chain([&OTHER, &""]);
    let mut same = all.filter(|it| **it == name);
    match same.next() {
        Some(usual) => Cow::Borrowed(usual),
        None => Cow::Owned(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn method(name: &str) -> Method {
        Method::from_bytes(name.as_bytes()).unwrap()
    }

    #[test]
    fn unknown_methods_are_one() {
        let usual = HttpMethods::usual();
        assert_eq!(usual.label(&Method::PATCH), "PATCH");
        for name in ["get", "BREW", "A-VERY-LONG-METHOD-OF-A-SCANNER"] {
            assert_eq!(usual.label(&method(name)), OTHER);
        }
    }

    #[test]
    fn a_list_replaces_the_usual_one() {
        let ours = HttpMethods::of(["GET", "PROPFIND"]);
        let labels = ["GET", "PROPFIND", "POST"].map(|name| ours.label(&method(name)).to_owned());
        assert_eq!(labels, ["GET", "PROPFIND", OTHER]);
    }

    #[test]
    #[should_panic(expected = "invalid http_methods \"A B\": must be a method of HTTP")]
    fn what_is_no_method_is_refused() {
        let _ = HttpMethods::of(["A B"]);
    }
}
