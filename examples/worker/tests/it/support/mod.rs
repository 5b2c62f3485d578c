//! The process, its client and its books.

mod books;
mod client;
mod folder;
mod postgres;
mod process;

pub(crate) use self::{
    books::{Books, provider_calls},
    client::{Answer, Client},
    folder::Folder,
    postgres::Postgres,
    process::Worker,
};
