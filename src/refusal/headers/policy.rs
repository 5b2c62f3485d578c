//! Keeps values of `RateLimit-Policy`: a limit has the same one in each of its
//! responses, and to write it takes longer than to decide.

use std::{
    cell::RefCell,
    sync::{Mutex, MutexGuard, PoisonError},
};

use http::HeaderValue;

use super::item::Item;

/// The values that a process keeps. A service has few limits; the policies of
/// those beyond are written anew for each response.
const MAX_KEPT: usize = 16;

/// The values that are kept, for good: a value that is never freed need not
/// count who has it, and counting takes longer than copying.
// Of the standard library, because loom's cannot be a static.
static KEPT: Mutex<Vec<&'static Policy>> = Mutex::new(Vec::new());

/// Locks the list, which no panic leaves half changed.
fn kept() -> MutexGuard<'static, Vec<&'static Policy>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

thread_local! {
    /// Those that this thread has used, which it finds without a lock.
    static USED: RefCell<[Option<&'static Policy>; MAX_KEPT]> =
        const { RefCell::new([None; MAX_KEPT]) };
}

/// The policy of a limit, as its header is to tell it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Promise<'a> {
    pub(super) name: &'a str,
    pub(super) limit: u64,
    /// In seconds; 0 if it is unknown.
    pub(super) window: u64,
}

/// A policy that is kept.
pub(super) struct Policy {
    name: Box<str>,
    limit: u64,
    window: u64,
    pub(super) value: HeaderValue,
    /// The name as a string of a structured field, with its quotes.
    pub(super) written_name: Box<[u8]>,
}

impl Promise<'_> {
    /// Writes the policy; `None` if a header cannot contain it.
    pub(super) fn item(&self) -> Option<Item> {
        let mut item = Item::named(self.name)?;
        item.parameter((b'q', self.limit))?;
        match self.window {
            0 => {}
            window => item.parameter((b'w', window))?,
        }
        Some(item)
    }

    /// Returns the value that is kept for the policy; `None` if a header cannot
    /// contain it, or if too many others are kept.
    #[inline]
    pub(super) fn kept(&self) -> Option<&'static Policy> {
        USED.with_borrow_mut(|used| {
            let mut known = used.iter().map_while(|policy| *policy);
            known
                .find(|policy| policy.promise() == *self)
                .or_else(|| self.use_first(used))
        })
    }

    /// Finds the policy among those of all threads, or makes it.
    #[cold]
    fn use_first(&self, used: &mut [Option<&'static Policy>]) -> Option<&'static Policy> {
        let mut kept = kept();
        let known = kept.iter().find(|policy| policy.promise() == *self);
        let policy = match known {
            Some(policy) => *policy,
            None if kept.len() == MAX_KEPT => return None,
            None => {
                let policy: &Policy = Box::leak(Box::new(Policy::of(self)?));
                kept.push(policy);
                policy
            }
        };
        // There is room, because a thread has used no more than are kept.
        let free = used.iter_mut().find(|policy| policy.is_none())?;
        *free = Some(policy);
        Some(policy)
    }
}

impl Policy {
    pub(super) fn of(promise: &Promise<'_>) -> Option<Self> {
        let text = String::from_utf8(promise.item()?.as_bytes().to_vec()).ok()?;
        Some(Self {
            name: promise.name.into(),
            limit: promise.limit,
            window: promise.window,
            // Static, so that clones of it are not counted.
            value: HeaderValue::from_static(Box::leak(text.into_boxed_str())),
            written_name: Item::named(promise.name)?.as_bytes().into(),
        })
    }

    #[inline]
    fn promise(&self) -> Promise<'_> {
        Promise {
            name: &self.name,
            limit: self.limit,
            window: self.window,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_kept_once_and_never_mistaken_for_another() {
        let mut found = 0;
        for _round in 0..3 {
            for limit in 1..=2 * MAX_KEPT as u64 {
                let name = format!("it's \"{limit}\"");
                let promise = Promise {
                    name: &name,
                    limit,
                    window: limit + 1,
                };
                let Some(kept) = promise.kept() else {
                    continue;
                };
                let written = format!(r#""it's \"{limit}\"""#);
                let value = format!("{written};q={limit};w={}", limit + 1);
                assert_eq!(kept.value, value);
                assert_eq!(*kept.written_name, *written.as_bytes());
                found += 1;
            }
        }
        // All tests of the process share the policies that are kept.
        assert!(found > 0 && found % 3 == 0, "{found}");
        assert!(kept().len() <= MAX_KEPT);
    }

    #[test]
    fn a_name_that_a_header_cannot_contain_is_not_kept() {
        for name in ["ü", &"x".repeat(200)] {
            let promise = Promise {
                name,
                limit: 1,
                window: 1,
            };
            assert!(promise.kept().is_none());
        }
    }
}
