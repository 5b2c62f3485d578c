//! A client that places orders, and hangs up early.

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
    Instant, MAX_WAIT, ORDERS,
    dice::Dice,
    fleet::{Directory, INSTANCES},
    json_of, order, read, written,
};

/// The pause between attempts. Without it the machine would only refuse requests.
const PAUSE: Duration = Duration::from_millis(15);

/// A final response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The body of a response to a placed order.
    Placed(String),
    /// It is unknown whether the order was placed, and it is not placed again.
    Unknown,
}

impl Answer {
    /// The id of a placed order.
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
    /// The index of the last instance that it has called.
    last: usize,
}

impl Client {
    pub(super) fn new(directory: Directory, seed: u64) -> Self {
        Self {
            directory,
            dice: Dice(seed),
            last: 0,
        }
    }

    /// A client that calls one instance only.
    pub(super) fn of(instance: SocketAddr) -> Self {
        let everywhere = array::from_fn(|_| instance);
        Self::new(Arc::new(Mutex::new(everywhere)), 0)
    }

    /// Returns the final responses to all orders.
    pub(super) fn ask_for_all(mut self) -> Vec<Answer> {
        (0..ORDERS).map(|item| self.insist(item)).collect()
    }

    /// Sends an order until there is a final response, each time to another instance.
    /// It often hangs up before the order can be placed.
    pub(super) fn insist(&mut self, item: usize) -> Answer {
        let (limit, request) = (Instant::now() + MAX_WAIT, keyed(item));
        loop {
            let timeout = Duration::from_millis(20 + self.dice.upto(400));
            let answer = exchange(self.another(), &request, timeout);
            if let Some(answer) = answer.ok().flatten().and_then(|it| final_answer(item, &it)) {
                return answer;
            }
            assert!(
                Instant::now() < limit,
                "order {item} gets no final response"
            );
            thread::sleep(PAUSE);
        }
    }

    fn another(&mut self) -> SocketAddr {
        let step = 1 + self.dice.upto(INSTANCES as u64 - 2) as usize;
        self.last = (self.last + step) % INSTANCES;
        self.directory
            .lock()
            .expect("no code panics while it holds the lock")[self.last]
    }
}

/// A slow order, whose item is also its key.
fn keyed(item: usize) -> Request<String> {
    let mut order = order().map(|_| format!(r#"{{"item":"{item}","quantity":1}}"#));
    *order.uri_mut() = "/orders?slow=1".parse().expect("a path");
    let key = item.to_string().parse().expect("a header value");
    order.headers_mut().insert("idempotency-key", key);
    order
}

/// Returns `None` if the response is missing or cut off.
fn exchange(
    address: SocketAddr,
    request: &Request<String>,
    timeout: Duration,
) -> io::Result<Option<Response<String>>> {
    let mut connection = TcpStream::connect(address)?;
    connection.set_read_timeout(Some(timeout))?;
    connection.write_all(&written(request))?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(read(&answer).filter(is_whole))
}

fn is_whole(answer: &Response<String>) -> bool {
    let length = answer.headers().get(CONTENT_LENGTH);
    length.is_some_and(|length| length == &answer.body().len().to_string())
}

/// Returns `None` if the client has to send the order again.
fn final_answer(item: usize, answer: &Response<String>) -> Option<Answer> {
    let body = json_of(answer);
    let problem = body["type"].as_str().unwrap_or_default();
    match answer.status().as_u16() {
        201 => {
            assert_eq!(
                body["item"],
                item.to_string(),
                "the response is for another order"
            );
            Some(Answer::Placed(answer.body().clone()))
        }
        409 if problem.ends_with("outcome-unknown") => Some(Answer::Unknown),
        409 if problem.ends_with("still-running") => None,
        503 if problem.ends_with("store-unavailable") => None,
        _ => panic!("{answer:?}"),
    }
}
