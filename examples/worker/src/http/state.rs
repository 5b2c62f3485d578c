//! The state that the handlers share.

use std::{sync::Arc, time::Duration};

use prometheus_client::registry::Registry;
use sluicegate::deadline::registry::{Error, Id};
use tokio::sync::{mpsc, oneshot};

use super::{
    problem::Problem,
    writer::{self, Incoming},
};
use crate::{
    pipeline::{Context, Reserved},
    store::{Accepted, NewOrder, Request},
    time,
};

/// The parts that handlers use.
#[derive(Clone, Debug)]
pub(super) struct App {
    pub(super) context: Context,
    pub(super) metrics: Arc<Registry>,
    writer: mpsc::Sender<Incoming>,
}

impl App {
    /// Returns the state, and starts the writer of orders.
    pub(super) fn new(context: &Context, metrics: Registry) -> Self {
        Self {
            context: context.clone(),
            metrics: Arc::new(metrics),
            writer: writer::start(context.clone()),
        }
    }

    /// Registers the deadline of an order under a name that is the same for each
    /// retry, so that a retry does not prolong it.
    pub(super) async fn deadline(
        &self,
        request: &Request,
        within_ms: Option<u64>,
    ) -> Result<Option<(String, i64)>, Problem> {
        let Some(within) = within_ms.map(Duration::from_millis) else {
            return Ok(None);
        };
        let id = Id::named(&request.name).map_err(|error| self.no_deadline(&error))?;
        match self.context.deadlines.register_as(id.clone(), within).await {
            Ok(id) => Ok(Some((id.to_string(), time::after(within)))),
            // A late retry: the worker will find the same.
            Err(Error::Expired | Error::Cancelled(_)) => {
                Ok(Some((id.to_string(), time::after(within))))
            }
            Err(error) => Err(self.no_deadline(&error)),
        }
    }

    fn no_deadline(&self, error: &Error) -> Problem {
        self.context
            .busy(format!("the deadline is not registered: {error}"))
    }

    /// Hands an order to the writer.
    pub(super) async fn write(
        &self,
        order: NewOrder,
        reserved: Reserved,
    ) -> Result<Accepted, Problem> {
        let (answer, answered) = oneshot::channel();
        let incoming = Incoming {
            order,
            reserved,
            answer,
        };
        let full = |_| self.context.busy("too many orders arrive at once");
        self.writer.try_send(incoming).map_err(full)?;
        let failed = || self.context.busy("the database does not answer");
        answered.await.ok().flatten().ok_or_else(failed)
    }
}
