//! Whose series share a budget: so many webhook hosts that are called may not use up
//! the room of the routes that are served.

use super::{budget::Budget, labels::Kind};

/// Which series share a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    /// Requests that are received, and calls of other services, whose names are the
    /// program's own.
    Served,
    /// Requests that are sent.
    Sent,
}

impl Share {
    pub(super) const ALL: [Self; 2] = [Self::Served, Self::Sent];

    pub(super) fn of(kind: Kind) -> Self {
        match kind {
            Kind::HttpServer | Kind::GrpcServer | Kind::Call => Self::Served,
            Kind::HttpClient | Kind::GrpcClient => Self::Sent,
        }
    }
}

/// One of each share.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PerShare<T>([T; Share::ALL.len()]);

impl<T> PerShare<T> {
    pub(super) fn new(make: impl FnMut(Share) -> T) -> Self {
        Self(Share::ALL.map(make))
    }

    #[inline]
    pub(super) fn of(&self, kind: Kind) -> &T {
        self.get(Share::of(kind))
    }

    #[inline]
    pub(super) fn get(&self, share: Share) -> &T {
        &self.0[share as usize]
    }

    pub(super) fn set(&mut self, share: Share, value: T) {
        self.0[share as usize] = value;
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }
}

/// About how many label sets had no room, of which each side has its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Overflowed {
    /// Of requests that were received, and of calls of other services.
    pub served: u64,
    /// Of requests that were sent.
    pub sent: u64,
}

impl Overflowed {
    pub(super) fn read(budgets: &PerShare<Budget>) -> Self {
        let [served, sent] = Share::ALL.map(|share| budgets.get(share).refused());
        Self { served, sent }
    }

    pub(super) fn total(self) -> u64 {
        self.served + self.sent
    }
}
