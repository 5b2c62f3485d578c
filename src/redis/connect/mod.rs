//! Opening a connection: credentials, the login, and sentinels that name the
//! primary.
//!
//! `single_flight` makes callers share an attempt. An attempt asks the provider
//! for credentials, with sentinels asks them for the primary, and logs in.

mod credentials;
mod login;
mod sentinel;
mod single_flight;

pub use self::credentials::Login;
pub(crate) use self::{
    credentials::Provider,
    login::{PushHandler, connect_with_credentials, denied, user},
    sentinel::Sentinels,
    single_flight::SingleFlight,
};
