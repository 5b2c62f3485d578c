//! The registry's calls of the script.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use ::redis::{Cmd, Value};

use crate::deadline::registry::{
    claim::{Hold, Holders},
    counts::Counts,
    error::Error,
    id::{Id, Sent, root},
    remaining::Remaining,
};
use crate::{
    clock::ticks,
    key::EncodedKey,
    redis::{self, Connection, Lane, Script},
};

use super::{fallback::Fallback, listen::ListenForCancellations, reply::Reply};

/// The longest budget, 30 years: with the present it is a whole number in Lua.
const LONGEST: u64 = 30 * 365 * 86_400 * 1_000_000;

static SCRIPT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("../../../../lua/prelude.lua"),
        include_str!("../../../../lua/deadline.lua"),
    ))
});

pub(in crate::deadline::registry) struct Redis {
    asker: Arc<Asker>,
    grace: u64,
    fallback: Fallback,
    holders: Arc<Holders>,
}

/// What it takes to ask.
pub(super) struct Asker {
    pub(super) connection: Connection,
    /// As names have it: what is the registry's in keys and channels.
    pub(super) name: String,
    pub(super) subscribed: AtomicU64,
    pub(super) rechecked: AtomicU64,
}

impl Redis {
    pub(in crate::deadline::registry) fn new(
        name: &str,
        connection: &Connection,
        grace: Duration,
        skew: Option<Duration>,
    ) -> Self {
        let asker = Asker {
            connection: connection.on(Lane::Deadlines),
            name: EncodedKey::of(name).to_string(),
            subscribed: AtomicU64::new(0),
            rechecked: AtomicU64::new(0),
        };
        Self {
            asker: Arc::new(asker),
            grace: ticks(grace),
            fallback: Fallback::new(skew),
            holders: Arc::default(),
        }
    }

    pub(in crate::deadline::registry) async fn register(
        &self,
        id: Id,
        budget: Duration,
    ) -> Result<Id, Error> {
        let budget = ticks(budget).min(LONGEST);
        let mut call = self.asker.call([id.path().as_ref()], "register");
        call.arg(budget).arg(self.grace);
        match self.asker.ask(call).await {
            Ok((now, Remaining::Expired)) if budget == 0 => Ok(id.saying(recorded(now, 0))),
            Ok((now, word)) => {
                let left = ticks(word.left()?);
                Ok(id.saying(recorded(now, left)))
            }
            Err(error) => self.fallback.register(id, budget, error.into()),
        }
    }

    pub(in crate::deadline::registry) async fn derive(
        &self,
        parent: &Id,
        child: Id,
        cap: Duration,
    ) -> Result<Id, Error> {
        let cap = ticks(cap).min(LONGEST);
        let mut call = self.asker.call(child.chain(), "derive");
        call.arg(cap).arg(self.grace);
        let error = match self.asker.ask(call).await {
            Ok((_, Remaining::Unknown)) if !is_recorded(parent) => Error::Unknown,
            Ok((now, word)) => return Ok(child.saying(recorded(now, ticks(word.left()?)))),
            Err(error) => error.into(),
        };
        self.fallback.derive(parent, child, cap, error)
    }

    pub(in crate::deadline::registry) async fn look(&self, id: &Id) -> Result<Remaining, Error> {
        let mut call = self.asker.call(id.chain(), "look");
        call.arg(id.chain().count());
        match self.asker.ask(call).await {
            Ok((_, Remaining::Unknown)) if !is_recorded(id) => {
                self.fallback.look(id, Ok(Remaining::Unknown))
            }
            Ok((_, word)) => Ok(word),
            Err(error) => self.fallback.look(id, Err(error.into())),
        }
    }

    pub(in crate::deadline::registry) async fn cancel(
        &self,
        id: &Id,
        why: &Arc<str>,
    ) -> Result<Remaining, Error> {
        let mut call = self.asker.call(id.chain(), "cancel");
        call.arg(self.grace).arg(&**why);
        call.arg(self.asker.channel());
        call.arg(format!("{} {why}", id.path()));
        let (_, word) = self.asker.ask(call).await?;
        if let Remaining::Left(_) | Remaining::Unknown = word {
            // Those in this process need not wait for the message.
            self.holders.tell(id.path(), why);
        }
        Ok(word)
    }

    pub(in crate::deadline::registry) fn hold(&self, id: &Id) -> Hold {
        self.holders.listener.start(|| ListenForCancellations {
            asker: Arc::clone(&self.asker),
            holders: Arc::downgrade(&self.holders),
        });
        self.holders.hold(id)
    }

    pub(in crate::deadline::registry) fn counts(&self) -> Counts {
        Counts {
            told: self.holders.told(),
            fell_back: self.fallback.count(),
            subscribed: self.asker.subscribed.load(Relaxed),
            rechecked: self.asker.rechecked.load(Relaxed),
        }
    }
}

impl Asker {
    /// A call of the script for records, at the server's instant.
    pub(super) fn call<'a>(&self, paths: impl IntoIterator<Item = &'a str>, task: &str) -> Cmd {
        let keys: Vec<_> = paths.into_iter().map(|path| self.key(path)).collect();
        let mut call = SCRIPT.call(keys.len());
        call.arg(keys).arg("").arg(task);
        call
    }

    /// A tree is in one slot of a cluster, for its root is in the braces.
    pub(super) fn key(&self, path: &str) -> String {
        let (prefix, name) = (self.connection.prefix(), &self.name);
        let root = root(path);
        let below = &path[root.len()..];
        format!("{prefix}:{{{name}:{root}}}:deadline{below}")
    }

    pub(super) fn channel(&self) -> String {
        let (prefix, name) = (self.connection.prefix(), &self.name);
        format!("{prefix}:{name}:cancelled")
    }

    /// The answer for one deadline.
    async fn ask(&self, call: Cmd) -> Result<(u64, Remaining), redis::Error> {
        let mut reply = self.run(call).await?;
        Ok((reply.now, reply.next()?))
    }

    pub(super) async fn run(&self, call: Cmd) -> Result<Reply, redis::Error> {
        let reply: Value = self.connection.run(&SCRIPT, call).await?;
        Reply::read(reply)
    }
}

fn recorded(at: u64, budget: u64) -> Sent {
    Sent {
        at,
        budget,
        recorded: true,
    }
}

/// Whether Redis was there when it was given out; if not, it may know nothing of
/// it now.
fn is_recorded(id: &Id) -> bool {
    id.sent().is_none_or(|sent| sent.recorded)
}
