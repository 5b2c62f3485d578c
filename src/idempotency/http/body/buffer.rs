//! What was read of a body, in one piece.

use std::mem;

use bytes::Bytes;

use super::budget::Share;

/// What was read of a body, up to a cap of its own and as far as the layer's budget
/// goes.
#[derive(Debug)]
pub(crate) struct Gathered {
    most: usize,
    /// How much there was, kept or not.
    size: u64,
    /// The first of it, which most often is all of it.
    first: Bytes,
    /// The first and the others, once there are others.
    all: Vec<u8>,
    share: Share,
    /// Whether the first piece is in memory anyway, and only copies count.
    is_first_free: bool,
    is_full: bool,
}

/// Why a piece was not kept, nor what came before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// The body is longer than its cap.
    TooLong,
    /// The layer holds as much as it may.
    NoRoom,
}

impl Gathered {
    /// Nothing yet of a body that comes from elsewhere.
    pub(crate) fn new(most: usize, share: Share) -> Self {
        Self {
            most,
            size: 0,
            first: Bytes::new(),
            all: Vec::new(),
            share,
            is_first_free: false,
            is_full: false,
        }
    }

    /// Nothing yet of a body that is made here.
    pub(crate) fn of_own(most: usize, share: Share) -> Self {
        Self {
            is_first_free: true,
            ..Self::new(most, share)
        }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Whether nothing is kept, because there was too much.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full
    }

    pub(crate) fn add(&mut self, data: &Bytes) -> Result<(), Full> {
        let is_first = self.size == 0;
        self.size += data.len() as u64;
        if self.is_full || self.size > self.most as u64 {
            return Err(self.forget(Full::TooLong));
        }
        let is_room = match is_first {
            true => self.is_first_free || self.share.grow_to(data.len()),
            false => self.reserve(self.first.len() + self.all.len() + data.len()),
        };
        if !is_room {
            return Err(self.forget(Full::NoRoom));
        }
        match is_first {
            true => self.first = data.clone(),
            false => {
                self.all.extend_from_slice(&mem::take(&mut self.first));
                self.all.extend_from_slice(data);
            }
        }
        Ok(())
    }

    /// Makes room for so many bytes in all; for twice as many as before if it can, so
    /// that they are not copied for each piece.
    fn reserve(&mut self, needed: usize) -> bool {
        if needed <= self.all.capacity() {
            return true;
        }
        let doubled = self.all.capacity().saturating_mul(2);
        let wanted = [doubled.min(self.most).max(needed), needed];
        let capacity = wanted.into_iter().find(|it| self.share.grow_to(*it));
        if let Some(capacity) = capacity {
            self.all.reserve_exact(capacity - self.all.len());
        }
        capacity.is_some()
    }

    fn forget(&mut self, why: Full) -> Full {
        self.is_full = true;
        (self.first, self.all) = Default::default();
        self.share.give_back();
        why
    }

    /// All of it; what holds its place in the budget stays here.
    pub(crate) fn take(&mut self) -> Bytes {
        match self.all.is_empty() {
            true => mem::take(&mut self.first),
            false => mem::take(&mut self.all).into(),
        }
    }

    /// All of it, and what holds its place in the budget.
    pub(crate) fn finish(mut self) -> (Bytes, Share) {
        (self.take(), self.share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::idempotency::http::body::budget::Budget;

    #[test]
    fn many_pieces_take_as_much_of_the_budget_as_of_memory() {
        let budget = Budget::of(1 << 20);
        let mut gathered = Gathered::new(10_000, budget.share());
        for _ in 0..9_999 {
            assert_eq!(gathered.add(&Bytes::from_static(b"x")), Ok(()));
            assert!(gathered.all.capacity() <= gathered.share.bytes().max(1));
        }
        assert_eq!(gathered.share.bytes(), 10_000);
        assert_eq!(gathered.take(), "x".repeat(9_999));
    }

    #[test]
    fn what_does_not_fit_is_forgotten_and_takes_nothing() {
        let budget = Budget::of(10);
        for (most, why) in [(7, Full::TooLong), (100, Full::NoRoom)] {
            let mut gathered = Gathered::new(most, budget.share());
            assert_eq!(gathered.add(&Bytes::from_static(b"seven b")), Ok(()));
            assert_eq!(gathered.add(&Bytes::from_static(b"ytes")), Err(why));
            assert!(gathered.is_full() && gathered.share.bytes() == 0);
            assert_eq!(gathered.size(), 11);
        }
        let mut own = Gathered::of_own(100, budget.share());
        assert_eq!(own.add(&Bytes::from_static(b"more than there is")), Ok(()));
        assert_eq!(own.share.bytes(), 0);
    }
}
