//! Whose series share a budget: so many webhook hosts that are called may not use up
//! the room of the routes that are served.

use super::budget::Budget;
use crate::red::labels::Kind;

/// Which series share a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// Requests that are received, and calls of other services, whose names are the
    /// program's own.
    Served,
    /// Requests that are sent.
    Sent,
}

impl Share {
    pub(crate) const ALL: [Self; 2] = [Self::Served, Self::Sent];

    pub(crate) fn of(kind: Kind) -> Self {
        match kind {
            Kind::HttpServer | Kind::GrpcServer | Kind::Call => Self::Served,
            Kind::HttpClient | Kind::GrpcClient => Self::Sent,
        }
    }
}

/// One of each share.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PerShare<T>([T; Share::ALL.len()]);

impl<T> PerShare<T> {
    pub(crate) fn new(make: impl FnMut(Share) -> T) -> Self {
        Self(Share::ALL.map(make))
    }

    #[inline]
    pub(crate) fn of(&self, kind: Kind) -> &T {
        self.get(Share::of(kind))
    }

    #[inline]
    pub(crate) fn get(&self, share: Share) -> &T {
        &self.0[share as usize]
    }

    pub(crate) fn set(&mut self, share: Share, value: T) {
        self.0[share as usize] = value;
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &T> {
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
    pub(crate) fn read(budgets: &PerShare<Budget>) -> Self {
        let [served, sent] = Share::ALL.map(|share| budgets.get(share).refused());
        Self { served, sent }
    }

    pub(crate) fn total(self) -> u64 {
        self.served + self.sent
    }
}
