//! An instance that holds permits, and its calls.

/// A holder, as `src/concurrency/redis/lease.rs` keeps it. Its lease ends at the
/// last instant at which it may, without a margin.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Holder {
    /// How many permits are leased, and how many of them may be used.
    pub(crate) count: u8,
    pub(crate) usable: u8,
    /// In real time since the base.
    pub(crate) ends: u32,
    /// Requests under a lease, and those whose lease has ended.
    pub(crate) used: u8,
    pub(crate) outlived: u8,
    /// The number of the last call.
    pub(crate) call: u32,
    /// How often it crashed: each time it begins anew under another id.
    pub(crate) lives: u8,
}

/// A call under way.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Mail {
    pub(crate) holder: u8,
    pub(crate) life: u8,
    pub(crate) call: u32,
    pub(crate) held: u8,
    pub(crate) want: u8,
    /// When it was sent, in real time.
    pub(crate) asked: u32,
}

impl Holder {
    /// Returns how many permits may be in use from now on, without a call.
    pub(crate) fn may_use(&self) -> u8 {
        self.usable.max(self.used)
    }

    /// Whether a request is admitted.
    pub(crate) fn admits(&self) -> bool {
        self.used + self.outlived < self.usable
    }

    /// Requests come until none is admitted any more.
    pub(crate) fn fill(&mut self) {
        self.used = self.usable - self.outlived;
    }

    /// Writes a call for so many permits. What is given back is not used any more.
    pub(crate) fn request(&mut self, holder: usize, want: u8, call: u32, asked: u32) -> Mail {
        self.usable = self.usable.min(want);
        self.call = call;
        let held = self.usable.max(self.used + self.outlived);
        Mail {
            holder: holder as u8,
            life: self.lives,
            call,
            held,
            want: want.max(held),
            asked,
        }
    }

    /// Takes note of a grant.
    pub(crate) fn grant(&mut self, count: u8, target: u8, ends: u32) {
        (self.count, self.usable, self.ends) = (count, target, ends);
    }

    /// All work ends.
    pub(crate) fn finish(&mut self) {
        (self.used, self.outlived) = (0, 0);
    }

    /// The lease ends, if its end has come.
    pub(crate) fn lapse(&mut self, now: u32) {
        if now >= self.ends {
            self.outlived += std::mem::take(&mut self.used);
            (self.count, self.usable, self.ends) = (0, 0, 0);
        }
    }

    /// Begins anew under another id.
    pub(crate) fn crash(&mut self) {
        *self = Self {
            lives: self.lives + 1,
            ..Self::default()
        };
    }
}
