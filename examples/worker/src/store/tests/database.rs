//! Databases for tests: SQLite in memory, or the one at the URL in
//! `SLUICEGATE_WORKER_DATABASE`.

use std::env;

use crate::{
    event::Content,
    store::{Accepted, NewCancel, NewOrder, Request, Store},
};

/// Returns a database. Tests share one that is set, so they run one by one then:
/// `--test-threads 1`.
pub(super) async fn open() -> Store {
    let url = env::var("SLUICEGATE_WORKER_DATABASE");
    let url = url.unwrap_or_else(|_| {
        // A database in memory that both pools see.
        let name = fastrand::u64(..);
        format!("sqlite:file:{name:x}?mode=memory&cache=shared")
    });
    Store::open(&url).await.unwrap()
}

/// Returns an order of 7 cents under this key.
pub(super) fn order(key: &str) -> NewOrder {
    let (item, cents) = ("book".to_owned(), 7);
    NewOrder {
        request: request(key),
        content: Content { item, cents },
        deadline: None,
    }
}

pub(super) fn request(key: &str) -> Request {
    Request {
        name: key.to_owned(),
        fingerprint: "the same".to_owned(),
    }
}

/// Accepts a new order, and returns its id.
pub(super) async fn accept(store: &Store) -> i64 {
    let order = order(&format!("{:x}", fastrand::u128(..)));
    match store.accept(&[order]).await.unwrap()[..] {
        [Accepted::New(id)] => id,
        ref other => panic!("{other:?}"),
    }
}

/// Cancels an order under a new key.
pub(super) fn cancel(order: i64) -> NewCancel {
    let request = request(&format!("{:x}", fastrand::u128(..)));
    NewCancel { request, order }
}
