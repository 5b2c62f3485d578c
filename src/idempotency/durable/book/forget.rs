//! What is forgotten, and when.

use crate::idempotency::{durable::mark::Mark, scope::Name, state::State, store::StoreError};

use super::Book;

/// How many that have expired are forgotten for one claim: more than it can add.
pub(super) const AT_ONCE: usize = 8;

impl Book {
    /// What is under a name, once there is room for what is to become of it.
    pub(super) fn make_room(
        &mut self,
        name: Name,
        need: impl Fn(Option<&State>) -> u64,
    ) -> Result<Option<State>, StoreError> {
        loop {
            let state = self.disk.read(name)?;
            let need = need(state.as_ref());
            if self.room.fits(need) {
                return Ok(state);
            }
            if self.forget_the_old(AT_ONCE)? == 0 {
                self.evict(need)?;
            }
        }
    }

    /// Forgets the completed record that expires next, if enough could be
    /// forgotten.
    fn evict(&mut self, need: u64) -> Result<(), StoreError> {
        if !self.room.could_fit(need) {
            return Err(StoreError::Full);
        }
        let next = self.disk.first(true)?.ok_or(StoreError::Full)?;
        self.forget(&next)?;
        self.room.evicted();
        Ok(())
    }

    /// Forgets what has expired, so many of each at most; answers how many.
    pub(super) fn forget_the_old(&mut self, most: usize) -> Result<usize, StoreError> {
        let now = self.time.now();
        let mut forgotten = 0;
        for completed in [false, true] {
            for _ in 0..most {
                let Some(mark) = self.disk.first_over(completed, now)? else {
                    break;
                };
                self.forget(&mark)?;
                forgotten += 1;
            }
        }
        Ok(forgotten)
    }

    fn forget(&mut self, mark: &Mark) -> Result<(), StoreError> {
        self.wrote(false);
        self.disk.replace(Some(mark), None, self.time.stamp())?;
        self.room.give(mark);
        self.bells.pull(mark.name);
        Ok(())
    }
}
