//! The content of an event.

use serde::{Deserialize, Serialize};

/// The kind of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Charge an order, and book the amount.
    Order,
    /// Refund an order, and take the amount out of the books again.
    Cancel,
}

impl Kind {
    /// Returns its name in the database and in responses.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Cancel => "cancel",
        }
    }

    /// Returns the kind with this name.
    pub(crate) fn from_code(code: &str) -> Option<Self> {
        let kinds = [Self::Order, Self::Cancel];
        kinds.into_iter().find(|kind| kind.code() == code)
    }
}

/// An order as its client sends it. The event carries it as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Content {
    /// The thing that is bought; never empty.
    pub(crate) item: String,
    /// The price in cents.
    pub(crate) cents: u32,
}
