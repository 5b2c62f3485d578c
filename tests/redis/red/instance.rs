//! An instance of a service, which counts and ships.

use std::{convert::Infallible, future::pending, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Empty;
use sluicegate::{
    clock::Manual,
    red::{RedCallLayer, RedLayer, Redis, Registry, Template},
    redis::{Connection, Server as Place},
};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::{connection::builder, dice::Dice};

pub(super) const FIVE_MINUTES: Duration = Duration::from_secs(300);

/// An interval that ends in no test: flushes are made by hand.
const NEVER: Duration = Duration::from_secs(86_400);

const ROUTES: [&str; 4] = ["/orders", "/orders/{id}", "/carts/{id}/items", "/ä {} :%"];

const STATUSES: [u16; 5] = [200, 201, 404, 500, 503];

/// One that keeps on asking a server that fails.
pub(super) async fn connect(place: impl Into<Place>) -> Connection {
    let stubborn = builder(place).breaker(u32::MAX, Duration::from_millis(20));
    stubborn.connect().await.expect("it is up")
}

pub(super) struct Instance {
    pub(super) registry: Registry,
    pub(super) redis: Redis,
    clock: Manual,
    dice: Dice,
    /// How many requests it was asked.
    pub(super) asked: u64,
}

impl Instance {
    pub(super) fn new(seed: u64, connection: &Connection) -> Self {
        Self::every(NEVER, seed, connection)
    }

    pub(super) fn every(every: Duration, seed: u64, connection: &Connection) -> Self {
        let clock = Manual::new();
        let registry = Registry::builder().clock(clock.clone()).build();
        let redis = Redis::builder("orders", &registry, connection);
        Self {
            redis: redis.every(every).build(),
            registry,
            clock,
            dice: Dice(seed),
            asked: 0,
        }
    }

    /// Some requests that end in all sorts of ways.
    pub(super) async fn serve(&mut self, requests: u64) {
        for _ in 0..requests {
            let route = ROUTES[self.dice.upto(3) as usize];
            let takes = Duration::from_micros(self.dice.upto(4_000_000));
            match self.dice.upto(9) {
                0 => self.give_up(route, takes),
                1 => self.call(route, takes).await,
                _ => self.answer(route, takes).await,
            }
        }
    }

    async fn answer(&mut self, route: &'static str, takes: Duration) {
        let status = STATUSES[self.dice.upto(4) as usize];
        self.answer_with(route, status, takes).await;
    }

    /// A request of this route, answered with this status after so long.
    pub(super) async fn answer_with(&mut self, route: &'static str, status: u16, takes: Duration) {
        self.asked += 1;
        let clock = self.clock.clone();
        let service = RedLayer::server(&self.registry).layer(service_fn(move |_| {
            clock.advance(takes);
            let response = Response::builder().status(status);
            let response = response.body(Empty::<Bytes>::new()).unwrap();
            async move { Ok::<_, Infallible>(response) }
        }));
        service.oneshot(request(route)).await.unwrap();
    }

    fn give_up(&mut self, route: &'static str, takes: Duration) {
        drop(self.begin(route));
        self.clock.advance(takes);
    }

    /// A request that does not end before this is dropped.
    #[must_use]
    pub(super) fn begin(&mut self, route: &'static str) -> impl Sized + use<> {
        self.asked += 1;
        let service = service_fn(|_| pending::<Result<Response<Empty<Bytes>>, Infallible>>());
        RedLayer::server(&self.registry)
            .layer(service)
            .call(request(route))
    }

    /// A call of another service, which fails.
    pub(super) async fn call(&mut self, name: &str, takes: Duration) {
        self.asked += 1;
        let clock = self.clock.clone();
        let service = RedCallLayer::new(name, &self.registry).layer(service_fn(move |()| {
            clock.advance(takes);
            async { Err::<(), _>("no answer") }
        }));
        service.oneshot(()).await.unwrap_err();
    }
}

fn request(route: &'static str) -> Request<()> {
    let mut request = Request::builder()
        .method(Method::GET)
        .uri("/")
        .body(())
        .unwrap();
    request.extensions_mut().insert(Template(route));
    request
}
