//! The idempotency layer: an order with a key is placed once, whatever its client
//! does.

use std::{path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use axum::Router;
use clap::ValueEnum;
use sluicegate::{
    idempotency::{self, Claimant, Durable, IdempotencyLayer, Local, Redis, Store},
    key::{self, ClientIp},
    red::Registry,
    redis::Connection,
};

use crate::api::MAX_BODY_BYTES;

/// The most bytes that the bodies of all requests may take together.
const MAX_BODY_MEMORY: usize = 8 << 20;

/// The store of the responses that are replayed.
#[derive(Clone, Debug)]
pub(crate) enum Keep {
    Memory,
    Durable(PathBuf),
    Redis,
}

impl FromStr for Keep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "memory" => Ok(Self::Memory),
            None if text == "redis" => Ok(Self::Redis),
            Some(("durable", path)) if !path.is_empty() => Ok(Self::Durable(path.into())),
            _ => Err("must be memory, durable:PATH or redis".into()),
        }
    }
}

/// The treatment of an order whose outcome is unknown.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Takeover {
    Rerun,
    Refuse,
}

impl From<Takeover> for idempotency::Takeover {
    fn from(takeover: Takeover) -> Self {
        match takeover {
            Takeover::Rerun => Self::Rerun,
            Takeover::Refuse => Self::Refuse,
        }
    }
}

/// The settings of the idempotency layer. Keys belong to an API key, or to the
/// address of a client without one.
pub(crate) struct Once<'a> {
    pub(crate) client: ClientIp,
    pub(crate) redis: Option<&'a Connection>,
    pub(crate) metrics: &'a Registry,
    pub(crate) lease: Duration,
    pub(crate) takeover: Takeover,
}

impl Once<'_> {
    /// Returns the API behind the layer.
    pub(crate) async fn over(self, api: Router, keep: &Keep) -> Result<Router, String> {
        match keep {
            Keep::Memory => Ok(self.with(Local::new(), api)),
            Keep::Durable(path) => {
                let store = Durable::open(path).await;
                Ok(self.with(store.map_err(|error| error.to_string())?, api))
            }
            Keep::Redis => {
                let redis = self
                    .redis
                    .ok_or("the store redis needs a server: add --redis URL")?;
                Ok(self.with(Redis::new("orders", redis), api))
            }
        }
    }

    fn with<S: Store>(self, store: S, api: Router) -> Router {
        let claimant = Claimant::new(store)
            .lease(self.lease)
            .takeover(self.takeover.into());
        let layer = IdempotencyLayer::over(claimant)
            .namespace("orders")
            .max_request_body(MAX_BODY_BYTES)
            .max_body_memory(MAX_BODY_MEMORY)
            .principal(key::header("x-api-key"))
            .anonymous(self.client)
            .observe(Arc::new(self.metrics.clone()));
        api.layer(layer)
    }
}
