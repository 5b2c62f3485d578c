//! The scripts of leased limits, searched exhaustively.
//!
//! A [`fleet`] of two processes that lease, others that ask exactly, crashes,
//! lost and late messages, and time make every move that they can make, in
//! every order, from every state that they can reach ([`search`]). The scripts are
//! those that the crate sends, run by an embedded Lua 5.1 ([`engine`]) over a
//! [`server`] of our own and its [`store`]. A [`law`] counts what really passed
//! and says what must not have.
//!
//! `SLUICEGATE_MODEL=long` searches the larger plans, best with `--release`. To
//! cover another script, write moves and a law for it, in the way of `fleet`.

#![allow(clippy::unwrap_used, reason = "what is not there fails the test")]

mod adaptive;
mod buckets;
mod cases;
mod engine;
mod faults;
mod fleet;
mod holds;
mod law;
mod leases;
mod moves;
mod mutations;
mod permits;
mod plan;
mod script_client;
mod search;
mod server;
mod share;
mod store;
mod windows;
