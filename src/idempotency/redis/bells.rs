//! Those of this process who wait for the end of work.

use std::{collections::HashMap, sync::Arc};

use ahash::RandomState;
use tokio::sync::{Notify, futures::Notified};

use crate::{
    idempotency::scope::Name,
    redis::Listener,
    sync::{Mutex, lock},
};

/// One for each name that somebody waits for.
#[derive(Default)]
pub(super) struct Bells {
    pub(super) listener: Listener,
    hung: Mutex<HashMap<Name, Hung, RandomState>>,
}

#[derive(Default)]
struct Hung {
    bell: Arc<Notify>,
    waiting: usize,
}

/// That of one name, for as long as somebody waits.
pub(super) struct Bell<'a> {
    bells: &'a Bells,
    name: Name,
    notify: Arc<Notify>,
}

impl Bells {
    pub(super) fn bell(&self, name: Name) -> Bell<'_> {
        let mut hung = lock(&self.hung);
        let hung = hung.entry(name).or_default();
        hung.waiting += 1;
        Bell {
            bells: self,
            name,
            notify: Arc::clone(&hung.bell),
        }
    }

    pub(super) fn ring(&self, name: Name) {
        if let Some(hung) = lock(&self.hung).get(&name) {
            hung.bell.notify_waiters();
        }
    }

    pub(super) fn ring_all(&self) {
        let hung = lock(&self.hung);
        hung.values().for_each(|hung| hung.bell.notify_waiters());
    }
}

impl Bell<'_> {
    pub(super) fn rung(&self) -> Notified<'_> {
        self.notify.notified()
    }
}

impl Drop for Bell<'_> {
    fn drop(&mut self) {
        let mut hung = lock(&self.bells.hung);
        if let Some(mine) = hung.get_mut(&self.name) {
            mine.waiting -= 1;
            if mine.waiting == 0 {
                hung.remove(&self.name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::idempotency::Scope;

    #[test]
    fn nothing_is_left_of_those_who_no_longer_wait() {
        let bells = Bells::default();
        let name = Scope::new("tests").name("17");
        let (one, other) = (bells.bell(name), bells.bell(name));
        drop(one);
        assert_eq!(lock(&bells.hung).len(), 1);
        drop(other);
        assert_eq!(lock(&bells.hung).len(), 0);
    }
}
