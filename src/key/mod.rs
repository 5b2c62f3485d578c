//! Keys: the part of a request that decides whose budget it draws on.
//!
//! A [`Key`] reads something from a request, such as the user or the client's
//! address. Requests with equal keys share a budget.
//!
//! | key | reads |
//! |---|---|
//! | [`Global`] | nothing: one budget for all requests |
//! | [`header`] | the value of a header, such as an API key |
//! | [`extension`] | a value that a layer further out put into the request, such as a user |
//! | [`ClientIp`] | the client's address, through the proxies that you trust |
//! | [`by`] | whatever a closure returns for the request |
//! | a tuple of keys | all of them together; in front of an [`All`](crate::limit::All), one key for each limit |
//! | [`or`](KeyExt::or) | the second key if the request does not have the first |
//! | [`hashed`](KeyExt::hashed) | the same key, but Redis and logs see only a hash of it |
//!
//! ```
//! use http::Request;
//! use sluicegate::key::{self, Key, KeyExt};
//!
//! // By API key. Anonymous requests go by their method.
//! let key = key::header("x-api-key").or(key::by(|req: &Request<()>| Some(req.method().clone())));
//!
//! let request = Request::get("/").header("x-api-key", "k1").body(()).unwrap();
//! assert!(key.key(&request).is_some());
//! ```
//!
//! # Traits of keys
//!
//! | state of the limiter | a key implements | because |
//! |---|---|---|
//! | in process: [`Local`](crate::limit::Local) | [`Hash`] | the limiter stores only the hash |
//! | in Redis, shared by a fleet | [`StoreKey`] | every process has to find the same bucket by its name |
//!
//! Numbers, strings, bytes, addresses and the results of the keys above
//! implement both. For [`extension`] and [`by`] it depends on the type of the
//! value; your own type implements [`StoreKey`] in [two
//! lines](StoreKey#keys-of-your-own).

mod absence;
mod by;
mod combine;
mod encode;
mod hashed;
mod header;
mod ip;
mod key;
mod warning;

#[cfg(feature = "redis")]
pub(crate) use self::encode::bucket_name;
pub(crate) use self::warning::PeerWarning;
pub use self::{
    absence::Absence,
    by::{By, by, by_ref},
    combine::{Either, KeyExt, Or},
    encode::{EncodedKey, StoreKey},
    hashed::{Hashed, HashedKey},
    header::{Extension, Header, extension, header},
    ip::{Client, ClientIp, UnixPeer},
    key::{Global, Key},
};
