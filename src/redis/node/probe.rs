//! How to find out whether a server can decide.

use std::sync::{Arc, LazyLock};

use super::Node;
use crate::redis::{
    bound::Bound,
    breaker::{Breaker, Guarded},
    call::Call,
    error::Error,
    redirection::Redirection,
    script::Script,
    settings::Settings,
    wire::Wire,
};

/// All commands that the rules' scripts call. SET is the first write, because
/// a full server does not refuse what comes after one.
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
        return call('PEXPIRE', key, 60000)",
    )
});

impl Node {
    /// Connects if need be, and makes a round trip that proves that the server
    /// can decide.
    pub(in crate::redis) async fn check(self: &Arc<Self>) -> Result<(), Error> {
        // Not within the calls' timeout: connecting has bounds of its own, and
        // no request waits for it here.
        let wire = self.wire().await?;
        let bound = Bound::of(self.settings.timeout);
        let Err(error) = self.question(&wire, bound).await else {
            return Ok(());
        };
        // Who points elsewhere is well.
        if self.cluster.strong_count() > 0 && Redirection::of(&error).is_some() {
            return Ok(());
        }
        // A connection on which not even this comes back is of no use.
        self.hang_up(wire.serial);
        Err(error)
    }

    /// A write: it fails on a replica and on a full server, too. And a script:
    /// it fails while another one blocks the server, and without the right to
    /// run any, or to what they call.
    async fn question(self: &Arc<Self>, wire: &Arc<Wire>, bound: Bound) -> Result<(), Error> {
        let key = match self.cluster.upgrade() {
            Some(cluster) => cluster.key_at(self),
            None => Some(format!("{}:{{probe}}", self.settings.prefix)),
        };
        let Some(key) = key else {
            let proven = bound.keep(wire.prove()).await;
            return proven.unwrap_or_else(|_| Err(bound.exceeded(&self.name)));
        };
        let numbers = &self.settings.numbers;
        let mut command = PROBE.call(1);
        command.arg(key);
        let call = Call::of_script(&PROBE, command, numbers.next());
        let mut answer = self.send_by(wire, &call, false, bound).await;
        if answer.as_ref().is_err_and(Error::is_unknown_script)
            && let Some(whole) = call.with_source(numbers.next())
        {
            answer = self.send_by(wire, &whole, false, bound).await;
        }
        answer.map(drop)
    }
}

impl Guarded for Node {
    fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn name(&self) -> &str {
        &self.name
    }

    async fn probe(self: &Arc<Self>) -> Result<(), Error> {
        let result = self.check().await;
        if result.is_err() {
            self.look_around();
        }
        result
    }
}
