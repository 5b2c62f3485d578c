//! The database: orders, the outbox of events, and the books. SQLite or PostgreSQL,
//! by the same statements.
//!
//! | file | transaction |
//! |---|---|
//! | `accept` | an order and its event, in `outbox` |
//! | `cancel` | a cancellation and its event |
//! | `take` | events that are due are held by this process |
//! | `settle` | an event is completed, and its amount is in the books |
//! | `leave` | an event is given back, retried, or a dead letter |
//! | `dead_letters` | they are listed and put back |
//! | `count`, `find` | reads |

mod accept;
mod cancel;
mod count;
mod dead_letters;
mod find;
mod leave;
mod open;
mod outbox;
mod row;
mod schema;
mod settle;
mod take;
#[cfg(test)]
mod tests;

pub(crate) use self::{
    accept::NewOrder,
    cancel::{NewCancel, NotCancelled},
    count::Totals,
    dead_letters::{DeadLetter, PutBack},
    find::Found,
    open::Store,
    outbox::{Accepted, Request},
    settle::Booking,
    take::Event,
};
