//! Who places orders, and does not like to wait.

use std::{
    array, io,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use http::{Request, Response, header::CONTENT_LENGTH};
use serde_json::Value;

use super::{
    HANGS, Instant, ORDERS,
    dice::Dice,
    fleet::{Directory, INSTANCES},
    json_of, order, read, written,
};

/// Asks no more often, or the machine would do nothing but refuse.
const PAUSE: Duration = Duration::from_millis(15);

/// An answer with which a client is content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// This is what was placed, word for word.
    Placed(String),
    /// Nobody knows whether it was placed, and it is not tried again.
    Unknown,
}

impl Answer {
    /// Under which it was placed.
    pub(super) fn id(&self) -> Option<u64> {
        let Self::Placed(order) = self else {
            return None;
        };
        let order: Value = serde_json::from_str(order).expect("an order");
        Some(order["id"].as_u64().expect("an id"))
    }
}

pub(super) struct Client {
    directory: Directory,
    dice: Dice,
    /// Whom it has asked last.
    place: usize,
}

impl Client {
    pub(super) fn new(directory: Directory, seed: u64) -> Self {
        Self {
            directory,
            dice: Dice(seed),
            place: 0,
        }
    }

    /// One that has to do with a single instance.
    pub(super) fn of(instance: SocketAddr) -> Self {
        let everywhere = array::from_fn(|_| instance);
        Self::new(Arc::new(Mutex::new(everywhere)), 0)
    }

    /// What is said of all orders.
    pub(super) fn ask_for_all(mut self) -> Vec<Answer> {
        (0..ORDERS).map(|item| self.insist(item)).collect()
    }

    /// Sends an order until it is answered, each time to another instance. Often it
    /// hangs up before the order can be done.
    pub(super) fn insist(&mut self, item: usize) -> Answer {
        let (limit, request) = (Instant::now() + HANGS, keyed(item));
        loop {
            let patience = Duration::from_millis(20 + self.dice.upto(400));
            let answer = exchange(self.another(), &request, patience);
            if let Some(answer) = answer.ok().flatten().and_then(|it| content(item, &it)) {
                return answer;
            }
            assert!(Instant::now() < limit, "order {item} is never answered");
            thread::sleep(PAUSE);
        }
    }

    fn another(&mut self) -> SocketAddr {
        let step = 1 + self.dice.upto(INSTANCES as u64 - 2) as usize;
        self.place = (self.place + step) % INSTANCES;
        self.directory.lock().expect("nobody panics with it")[self.place]
    }
}

/// A slow order of this item, which is its key too.
fn keyed(item: usize) -> Request<String> {
    let mut order = order().map(|_| format!(r#"{{"item":"{item}","quantity":1}}"#));
    *order.uri_mut() = "/orders?slow=1".parse().expect("a path");
    let key = item.to_string().parse().expect("a header value");
    order.headers_mut().insert("idempotency-key", key);
    order
}

/// Nothing if there is no answer, or not all of it.
fn exchange(
    address: SocketAddr,
    request: &Request<String>,
    patience: Duration,
) -> io::Result<Option<Response<String>>> {
    let mut connection = TcpStream::connect(address)?;
    connection.set_read_timeout(Some(patience))?;
    connection.write_all(&written(request))?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(read(&answer).filter(is_whole))
}

fn is_whole(answer: &Response<String>) -> bool {
    let length = answer.headers().get(CONTENT_LENGTH);
    length.is_some_and(|length| length == &answer.body().len().to_string())
}

/// Nothing if it should ask again.
fn content(item: usize, answer: &Response<String>) -> Option<Answer> {
    let body = json_of(answer);
    let problem = body["type"].as_str().unwrap_or_default();
    match answer.status().as_u16() {
        201 => {
            assert_eq!(body["item"], item.to_string(), "the order of another");
            Some(Answer::Placed(answer.body().clone()))
        }
        409 if problem.ends_with("outcome-unknown") => Some(Answer::Unknown),
        409 if problem.ends_with("still-running") => None,
        503 if problem.ends_with("store-unavailable") => None,
        _ => panic!("{answer:?}"),
    }
}
