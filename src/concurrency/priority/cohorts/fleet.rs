//! The salt that a fleet shares in Redis, with the hour of the server's clock.

use std::sync::{Arc, LazyLock};

use ::redis::{Cmd, Value};

use crate::{
    clock::{Clock, Monotonic, Tick, Wall},
    key::EncodedKey,
    random,
    redis::{Connection, Error, Lane, Script},
    runtime::background,
    sync::{Mutex, lock},
};

static SCRIPT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("../../../../lua/clock.lua"),
        include_str!("../../../../lua/prelude.lua"),
        include_str!("../../../../lua/cohorts.lua"),
    ))
});

/// The time between two questions.
const ASK_EVERY: Tick = 3_600_000_000;
/// The time until the next question after one that Redis did not answer.
const RETRY_EVERY: Tick = 10_000_000;

/// The salt of a fleet, as one process knows it.
pub(super) struct FleetSalt {
    clock: Monotonic,
    connection: Connection,
    key: String,
    known: Arc<Mutex<Known>>,
}

/// The content of the last answer.
#[derive(Clone, Copy)]
struct Known {
    salt: [u8; 16],
    /// The server's clock less this process' own, which wraps around.
    ahead: Tick,
    /// When to ask next, by this process' clock.
    ask_at: Tick,
}

impl FleetSalt {
    pub(super) fn new(connection: &Connection, name: &str) -> Self {
        let connection = connection.on(Lane::Limits);
        let (prefix, name) = (connection.prefix(), EncodedKey::of(name));
        let clock = Monotonic::new();
        let known = Known {
            salt: random::bytes(),
            ahead: Wall.now().wrapping_sub(clock.now()),
            ask_at: 0,
        };
        let fleet = Self {
            key: format!("{prefix}:{{{name}}}:cohorts"),
            clock,
            connection,
            known: Arc::new(Mutex::new(known)),
        };
        fleet.now();
        fleet
    }

    /// Returns the salt and the time of the server, and asks in the background
    /// if it is time to.
    pub(super) fn now(&self) -> ([u8; 16], Tick) {
        let now = self.clock.now();
        let mut known = lock(&self.known);
        let answer = (known.salt, now.wrapping_add(known.ahead));
        if known.ask_at <= now {
            known.ask_at = now.saturating_add(RETRY_EVERY);
            drop(known);
            self.ask(answer.0);
        }
        answer
    }

    /// Asks for the salt, and offers this one if there is none.
    #[cold]
    fn ask(&self, offered: [u8; 16]) {
        let (connection, known) = (self.connection.clone(), self.known.clone());
        let (call, clock) = (self.call(offered), self.clock.clone());
        background().spawn(async move {
            let reply = connection.run(&SCRIPT, call).await;
            if let Some((server, salt)) = read(reply) {
                let now = clock.now();
                *lock(&known) = Known {
                    salt,
                    ahead: server.wrapping_sub(now),
                    ask_at: now.saturating_add(ASK_EVERY),
                };
            }
        });
    }

    fn call(&self, offered: [u8; 16]) -> Cmd {
        let mut call = SCRIPT.call_at([&self.key].into_iter(), None);
        call.arg(format!("{:032x}", u128::from_be_bytes(offered)));
        call
    }
}

/// Reads the server's clock and the salt; `None` without an answer, or if the
/// key holds another value.
fn read(reply: Result<Value, Error>) -> Option<(Tick, [u8; 16])> {
    let Ok(Value::Array(values)) = reply else {
        return None;
    };
    let [Value::BulkString(now), Value::BulkString(salt)] = &values[..] else {
        return None;
    };
    let text = |bytes| std::str::from_utf8(bytes).ok();
    let salt = text(salt).filter(|salt| salt.len() == 32)?;
    let salt = u128::from_str_radix(salt, 16).ok()?;
    Some((text(now)?.parse().ok()?, salt.to_be_bytes()))
}
