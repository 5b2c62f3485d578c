//! The process, its client and its books.

mod books;
mod client;
mod folder;
mod postgres;
mod process;
mod redis;

use std::net::TcpListener;

pub(crate) use self::{
    books::{Books, provider_calls},
    client::{Answer, Client},
    folder::Folder,
    postgres::Postgres,
    process::Worker,
    redis::Redis,
};

/// Returns a port that no process listens on.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
