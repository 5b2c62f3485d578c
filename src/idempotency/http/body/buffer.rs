//! Collects the data of a body. Requests are collected before they are
//! compared, responses while they are sent.
//!
//! Most bodies come in one chunk, which is kept as it is. Only a second chunk
//! makes it copy into one piece of memory.

use std::mem;

use bytes::Bytes;

use super::budget::BudgetShare;

/// The data that was read of a body, up to a cap, and as far as the layer's
/// budget goes. If it is more, nothing is kept.
#[derive(Debug)]
pub(crate) struct BodyBuffer {
    /// How many bytes it keeps at most.
    cap: usize,
    /// How many bytes were read, kept or not.
    size: u64,
    /// The first chunk, as it came. Most bodies have no other.
    first: Bytes,
    /// All chunks, once there are several. Then `first` is empty.
    all: Vec<u8>,
    /// The bytes that it takes of the budget.
    share: BudgetShare,
    /// Whether the first chunk is in memory anyway, so that only copies count.
    is_first_free: bool,
    /// Whether there was too much, so that all data was dropped.
    is_dropped: bool,
}

/// Why a buffer has dropped its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BufferError {
    /// The body is longer than the cap.
    TooLong,
    /// The budget of the layer is used up.
    OverBudget,
}

impl BodyBuffer {
    /// Creates a buffer for a body that comes from the network.
    pub(crate) fn new(cap: usize, share: BudgetShare) -> Self {
        Self {
            cap,
            size: 0,
            first: Bytes::new(),
            all: Vec::new(),
            share,
            is_first_free: false,
            is_dropped: false,
        }
    }

    /// Creates a buffer for a body that was made in this process. Its first
    /// chunk takes nothing of the budget, because the buffer only shares it.
    pub(super) fn for_response(cap: usize, share: BudgetShare) -> Self {
        Self {
            is_first_free: true,
            ..Self::new(cap, share)
        }
    }

    /// Returns how many bytes were read, kept or not.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Returns whether all data was dropped, because there was too much.
    pub(super) fn is_dropped(&self) -> bool {
        self.is_dropped
    }

    /// Adds a chunk. If it does not fit, all of the data is dropped, and its
    /// bytes are given back.
    pub(crate) fn add(&mut self, data: &Bytes) -> Result<(), BufferError> {
        let is_first = self.size == 0;
        self.size += data.len() as u64;
        if self.is_dropped || self.size > self.cap as u64 {
            return Err(self.clear(BufferError::TooLong));
        }
        let is_room = match is_first {
            true => self.is_first_free || self.share.grow_to(data.len()),
            false => self.reserve(self.first.len() + self.all.len() + data.len()),
        };
        if !is_room {
            return Err(self.clear(BufferError::OverBudget));
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

    /// Makes room for this many bytes in total. It doubles the capacity if the
    /// budget allows it, so that the data is not copied for each chunk.
    fn reserve(&mut self, needed: usize) -> bool {
        if needed <= self.all.capacity() {
            return true;
        }
        let doubled = self.all.capacity().saturating_mul(2);
        let wanted = [doubled.min(self.cap).max(needed), needed];
        let capacity = wanted.into_iter().find(|it| self.share.grow_to(*it));
        if let Some(capacity) = capacity {
            self.all.reserve_exact(capacity - self.all.len());
        }
        capacity.is_some()
    }

    /// Drops the data for good, and gives its bytes back.
    fn clear(&mut self, reason: BufferError) -> BufferError {
        self.is_dropped = true;
        (self.first, self.all) = Default::default();
        self.share.give_back();
        reason
    }

    /// Takes the data out. Its bytes stay taken until the buffer is dropped.
    pub(super) fn take(&mut self) -> Bytes {
        match self.all.is_empty() {
            true => mem::take(&mut self.first),
            false => mem::take(&mut self.all).into(),
        }
    }

    /// Returns the data, and the share of the budget that it takes.
    pub(crate) fn finish(mut self) -> (Bytes, BudgetShare) {
        (self.take(), self.share)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::budget::BodyBudget, *};

    #[test]
    fn many_chunks_take_as_much_of_the_budget_as_of_memory() {
        let budget = BodyBudget::new(1 << 20);
        let mut buffer = BodyBuffer::new(10_000, budget.share());
        for _ in 0..9_999 {
            assert_eq!(buffer.add(&Bytes::from_static(b"x")), Ok(()));
            assert!(buffer.all.capacity() <= buffer.share.bytes.max(1));
        }
        assert_eq!(buffer.share.bytes, 10_000);
        assert_eq!(buffer.take(), "x".repeat(9_999));
    }

    #[test]
    fn a_body_that_does_not_fit_is_dropped_and_takes_nothing() {
        let budget = BodyBudget::new(10);
        for (cap, reason) in [(7, BufferError::TooLong), (100, BufferError::OverBudget)] {
            let mut buffer = BodyBuffer::new(cap, budget.share());
            assert_eq!(buffer.add(&Bytes::from_static(b"seven b")), Ok(()));
            assert_eq!(buffer.add(&Bytes::from_static(b"ytes")), Err(reason));
            assert!(buffer.is_dropped() && buffer.share.bytes == 0);
            assert_eq!(buffer.size(), 11);
        }
        let mut own = BodyBuffer::for_response(100, budget.share());
        assert_eq!(own.add(&Bytes::from_static(b"more than there is")), Ok(()));
        assert_eq!(own.share.bytes, 0);
    }
}
