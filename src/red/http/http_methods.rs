//! The HTTP methods that become labels. A registry has a list of them, because
//! a client may send any method.

use http::Method;

use crate::red::{Labels, labels::STANDARD_METHODS};

/// The HTTP methods that are told apart.
#[derive(Clone, Debug)]
pub(crate) struct HttpMethods(
    /// A list of the program's own; `None` for the standard methods.
    Option<Box<[Box<str>]>>,
);

/// The most methods: each one multiplies the series of each route.
const MAX_METHODS: usize = 64;

impl HttpMethods {
    /// Returns the standard methods.
    pub(crate) fn standard() -> Self {
        Self(None)
    }

    /// # Panics
    ///
    /// Panics if there are none or more than 64, or if one is not a method.
    #[track_caller]
    pub(crate) fn of(names: impl IntoIterator<Item: AsRef<str>>) -> Self {
        let names: Vec<_> = names.into_iter().map(|it| checked(it.as_ref())).collect();
        let count = names.len();
        assert!(
            (1..=MAX_METHODS).contains(&count),
            "invalid http_methods of {count} names: must be 1 to {MAX_METHODS}"
        );
        Self(Some(names.into()))
    }

    /// Returns the label of a method. Methods are case-sensitive.
    #[inline]
    pub(crate) fn label(&self, method: &Method) -> &str {
        let known = match &self.0 {
            Some(list) => {
                let name = method.as_str();
                list.iter().map(|it| &**it).find(|it| *it == name)
            }
            None => standard(method),
        };
        known.unwrap_or(Labels::OTHER)
    }
}

/// Returns the label of a standard method. Those that `http` has names for are
/// found without a comparison of strings.
#[inline]
fn standard(method: &Method) -> Option<&'static str> {
    match *method {
        Method::GET => Some("GET"),
        Method::POST => Some("POST"),
        Method::PUT => Some("PUT"),
        Method::DELETE => Some("DELETE"),
        Method::PATCH => Some("PATCH"),
        Method::HEAD => Some("HEAD"),
        _ => {
            let name = method.as_str();
            STANDARD_METHODS.into_iter().find(|it| *it == name)
        }
    }
}

/// Returns a name that is a valid method, or panics.
#[track_caller]
fn checked(name: &str) -> Box<str> {
    assert!(
        Method::from_bytes(name.as_bytes()).is_ok(),
        "invalid http_methods {name:?}: must be a method of HTTP"
    );
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn method(name: &str) -> Method {
        Method::from_bytes(name.as_bytes()).unwrap()
    }

    #[test]
    fn unknown_methods_share_one_label() {
        let standard = HttpMethods::standard();
        assert_eq!(standard.label(&Method::PATCH), "PATCH");
        for name in ["get", "BREW", "A-VERY-LONG-METHOD-OF-A-SCANNER"] {
            assert_eq!(standard.label(&method(name)), Labels::OTHER);
        }
    }

    #[test]
    fn a_list_replaces_the_standard_methods() {
        let ours = HttpMethods::of(["GET", "PROPFIND"]);
        let labels = ["GET", "PROPFIND", "POST"].map(|name| ours.label(&method(name)).to_owned());
        assert_eq!(labels, ["GET", "PROPFIND", Labels::OTHER]);
    }

    #[test]
    #[should_panic(expected = "invalid http_methods \"A B\": must be a method of HTTP")]
    fn an_invalid_method_is_refused() {
        let _ = HttpMethods::of(["A B"]);
    }
}
