//! The names of records: a key within a namespace, principal, method and route.

use super::digest::{PartDigest, byte_identifier};

/// The scope of a key: the same key in another scope is another key.
///
/// The name of a record is the SHA-256 of all parts, each behind its length, so
/// that no two pairs of scope and key share a name. A part that is not given is
/// not the same as an empty one.
///
/// ```
/// use sluicegate::idempotency::Scope;
///
/// let orders = Scope::new("orders").method("POST").route("/orders");
/// let (ann, bob) = (orders.principal("ann"), orders.principal("bob"));
/// assert_eq!(ann.name("17"), ann.name("17"));
/// assert_ne!(ann.name("17"), bob.name("17"));
/// assert_ne!(ann.name("17"), orders.name("17"));
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "call `name` to name a record"]
pub struct Scope<'a> {
    namespace: &'a str,
    principal: Option<&'a [u8]>,
    method: Option<&'a [u8]>,
    route: Option<&'a [u8]>,
}

impl<'a> Scope<'a> {
    /// Creates a scope for one purpose. Services that share a store need
    /// different namespaces.
    pub const fn new(namespace: &'a str) -> Self {
        Self {
            namespace,
            principal: None,
            method: None,
            route: None,
        }
    }

    /// Sets the owner of the keys: a user, a tenant, an API key.
    pub fn principal(self, principal: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        let principal = Some(principal.as_ref());
        Self { principal, ..self }
    }

    /// Sets the method that is called.
    pub fn method(self, method: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        let method = Some(method.as_ref());
        Self { method, ..self }
    }

    /// Sets the route that is called.
    pub fn route(self, route: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        let route = Some(route.as_ref());
        Self { route, ..self }
    }

    /// Returns the name of this key's record in a store.
    pub fn name(&self, key: impl AsRef<[u8]>) -> Name {
        let parts = PartDigest::of("sluicegate idempotency name 1")
            .part(self.namespace.as_bytes())
            .optional(self.principal)
            .optional(self.method)
            .optional(self.route)
            .part(key.as_ref());
        Name(parts.finish())
    }
}

/// The name of a record in a store: a digest, made by [`Scope::name`].
///
/// It does not reveal the key that it was made of. `Display` writes 64 hex
/// digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(pub(super) [u8; 32]);

byte_identifier!(Name, 32);

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn different_scopes_and_keys_have_different_names() {
        let here = Scope::new("here");
        let names = [
            here.name("ab"),
            here.name("a"),
            here.name(""),
            here.principal("").name("ab"),
            here.principal("a").name("b"),
            here.principal("ab").name(""),
            here.method("a").name("b"),
            here.route("a").name("b"),
            here.method("a").route("b").name(""),
            here.principal("a").method("b").name(""),
            Scope::new("her").name("eab"),
            Scope::new("").name("hereab"),
        ];
        let different: HashSet<Name> = names.into_iter().collect();
        assert_eq!(different.len(), names.len());
    }

    /// Stores outlive the program that wrote them, so the format cannot change.
    #[test]
    fn a_name_stays_what_it_was() {
        let scope = Scope::new("orders").principal("ann");
        let name = scope.method("POST").route("/orders").name("17");
        let kept = "bae480d47a90d5988cdfeaeef89bfe2be838266d773028f86f7f4bf3e5685a79";
        assert_eq!(name.to_string(), kept);
    }
}
