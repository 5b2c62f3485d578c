//! The probe of a node: a script that shows whether the server can serve calls.
//!
//! The breaker calls it in the background, and `connect` calls it once.

use std::sync::{Arc, LazyLock};

use super::node::Node;
use crate::redis::{
    breaker::{Breaker, Guarded},
    error::Error,
    script::Script,
    settings::LaneSettings,
    wire::{Call, CallDeadline, Wire},
};

/// Runs all commands that the rules' scripts call. SET is the first write,
/// because a full server does not refuse a write that follows one.
static PROBE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local call, key = redis.call, KEYS[1]
        call('TIME')
        call('SET', key, 1, 'PX', 60000)
        call('GET', key)
        call('DEL', key)
        call('RPUSH', key, 1)
        call('LLEN', key)
        call('LINDEX', key, 0)
        call('LTRIM', key, 0, 0)
        call('PEXPIRE', key, 60000)
        return { call('PTTL', key) }",
    )
});

impl Node {
    /// Connects if need be, and makes a round trip that shows that the server
    /// can serve calls.
    pub(crate) async fn check(self: &Arc<Self>) -> Result<(), Error> {
        // Connecting has its own timeout here, because no request waits for it.
        let wire = self.wire().await?;
        let deadline = CallDeadline::after(self.settings.config.timeout);
        let Err(error) = self.run_probe(&wire, deadline).await else {
            return Ok(());
        };
        // A node that redirects works.
        if self.cluster().is_some() && error.redirection().is_some() {
            return Ok(());
        }
        // A connection on which not even the probe succeeds is of no use.
        self.retire_wire(wire.serial);
        Err(error)
    }

    /// Runs the probe. Its write fails on a replica and on a full server. The
    /// script fails while another one blocks the server, or if the user lacks a
    /// right.
    ///
    /// It calls every command of the rules, so that a missing right is found at
    /// the start, and not by the first request that needs it.
    async fn run_probe(
        self: &Arc<Self>,
        wire: &Arc<Wire>,
        deadline: CallDeadline,
    ) -> Result<(), Error> {
        let key = match self.cluster() {
            Some(cluster) => cluster.key_of(self),
            None => Some(format!("{}:{{probe}}", self.settings.config.prefix)),
        };
        // A node without slots cannot write; it only has to reply.
        let Some(key) = key else {
            let verified = deadline.enforce(wire.verify_order()).await;
            return verified.unwrap_or_else(|_| Err(deadline.exceeded(&self.name)));
        };
        let numbers = &self.settings.numbers;
        let mut command = PROBE.call(1);
        command.arg(key);
        let call = Call::of_script(&PROBE, command, numbers.next());
        let mut reply = self.send_on(wire, &call, false, deadline).await;
        if reply.as_ref().is_err_and(Error::is_unknown_script)
            && let Some(whole) = call.with_source(numbers.next())
        {
            reply = self.send_on(wire, &whole, false, deadline).await;
        }
        reply.map(drop)
    }
}

impl Guarded for Node {
    fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    fn settings(&self) -> &LaneSettings {
        &self.settings
    }

    fn name(&self) -> &str {
        &self.name
    }

    async fn probe(self: &Arc<Self>) -> Result<(), Error> {
        let result = self.check().await;
        if result.is_err() {
            self.refresh_topology();
        }
        result
    }
}
