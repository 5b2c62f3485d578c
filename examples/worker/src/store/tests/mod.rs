//! The statements are the rule of `event`, and no transaction is left half done.

mod database;
mod model;
mod transactions;
