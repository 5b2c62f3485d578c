//! Orders are placed once, whatever their clients do.

use std::{path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use axum::Router;
use clap::ValueEnum;
use sluicegate::{
    idempotency::{self, Claimant, Durable, IdempotencyLayer, Local, Redis, Store, Tracker},
    key::{self, ClientIp},
    red::Registry,
    redis::Connection,
};

use crate::api::LARGEST;

/// How many bytes all orders may take together that are being read.
const BODIES: usize = 8 << 20;

/// Where it is kept what was answered.
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

/// What becomes of orders whose outcome nobody knows.
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

/// Those keys are one client's: who has an API key is known by that, and others by
/// their address.
pub(crate) struct Once<'a> {
    pub(crate) client: ClientIp,
    pub(crate) redis: Option<&'a Connection>,
    pub(crate) metrics: &'a Registry,
    pub(crate) lease: Duration,
    pub(crate) takeover: Takeover,
}

impl Once<'_> {
    /// The API behind the layer, and what knows of all that is being done.
    pub(crate) async fn over(self, api: Router, keep: &Keep) -> Result<(Router, Tracker), String> {
        match keep {
            Keep::Memory => Ok(self.with(Local::new(), api)),
            Keep::Durable(path) => {
                let store = Durable::open(path).await;
                Ok(self.with(store.map_err(|error| error.to_string())?, api))
            }
            Keep::Redis => {
                let redis = self
                    .redis
                    .ok_or("there is no Redis: say where by --redis")?;
                Ok(self.with(Redis::new("orders", redis), api))
            }
        }
    }

    fn with<S: Store>(self, store: S, api: Router) -> (Router, Tracker) {
        let claimant = Claimant::new(store)
            .lease(self.lease)
            .takeover(self.takeover.into());
        let layer = IdempotencyLayer::over(claimant)
            .namespace("orders")
            .max_request_body(LARGEST)
            .max_body_memory(BODIES)
            .principal(key::header("x-api-key"))
            .anonymous(self.client)
            .observe(Arc::new(self.metrics.clone()));
        let tracker = layer.tracker().clone();
        (api.layer(layer), tracker)
    }
}
