//! Whose budget is this: the part of a request that a limit goes by.
//!
//! A [`Key`] reads something out of a request: who sent it, what it is for.
//! Requests with equal keys share a budget.
//!
//! | key | goes by |
//! |---|---|
//! | [`Global`] | nothing: one budget for all |
//! | [`header`] | the value of a header, such as an API key |
//! | [`extension`] | something that a layer further out put into the request, such as a user |
//! | [`ClientIp`] | the client's address, through the proxies that you trust |
//! | [`by`] | whatever a closure makes of the request |
//! | a tuple of keys | all of them together; before [`All`](crate::limit::All), each limit by its own |
//! | [`or`](KeyExt::or) | the second where the first finds nothing |
//! | [`hashed`](KeyExt::hashed) | the same, and writes only a hash of it into Redis |
//!
//! ```
//! use http::Request;
//! use sluicegate::key::{self, Key, KeyExt};
//!
//! // By API key, or else all anonymous requests by their method.
//! let key = key::header("x-api-key").or(key::by(|req: &Request<()>| Some(req.method().clone())));
//!
//! let request = Request::get("/").header("x-api-key", "k1").body(()).unwrap();
//! assert!(key.key(&request).is_some());
//! ```
//!
//! # What a key has to be
//!
//! | the limiter keeps its state | a key is | because |
//! |---|---|---|
//! | in process: [`Local`](crate::limit::Local) | [`Hash`] | the hash is all that is kept of it |
//! | in Redis, for a fleet | [`StoreKey`] | every process has to find the same bucket, by a name |
//!
//! Numbers, texts, bytes, addresses and whatever the keys above make of a
//! request are both. What comes out of [`extension`] and [`by`] is as good as
//! its type: one of your own implements [`StoreKey`] in [two
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
