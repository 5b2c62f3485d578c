//! The cut-off that operators set for a fleet in Redis. A task reads it, so that
//! requests never wait for Redis.

use std::{
    fmt,
    sync::{
        Arc, LazyLock, Weak,
        atomic::{AtomicU16, Ordering::Relaxed},
    },
    time::Duration,
};

use ::redis::Value;
use tokio::time::{Instant, sleep};

use super::operator::{OperatorCutOff, Reading};
use crate::{
    concurrency::priority::rank::Rank,
    key::EncodedKey,
    random,
    redis::{Connection, Error, Lane, Script},
    runtime::background,
};

static SCRIPT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("../../../../lua/clock.lua"),
        include_str!("../../../../lua/prelude.lua"),
        include_str!("../../../../lua/cut_off.lua"),
    ))
});

/// The time between two commands, and the longest that one takes.
const EVERY: Duration = Duration::from_secs(1);

/// The cut-off of a fleet, as this process has read it last. The task that
/// reads it ends with the last clone.
#[derive(Clone)]
pub(super) struct FleetCutOff(Arc<AtomicU16>);

impl FleetCutOff {
    /// Starts to read the cut-off with this name.
    pub(super) fn watch(connection: &Connection, name: &str) -> Self {
        let connection = connection.on(Lane::Limits);
        let (prefix, name) = (connection.prefix(), EncodedKey::of(name));
        let key = format!("{prefix}:{{{name}}}:cut-off");
        let cut_off = Arc::new(AtomicU16::new(Rank::LOWEST.index()));
        let operator = OperatorCutOff::new(key.clone());
        let reading = keep_reading(connection, key, operator, Arc::downgrade(&cut_off));
        background().spawn(reading);
        Self(cut_off)
    }

    /// Returns the lowest rank that passes.
    #[inline]
    pub(super) fn rank(&self) -> Rank {
        Rank::at(self.0.load(Relaxed))
    }
}

impl fmt::Debug for FleetCutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FleetCutOff").field(&self.rank()).finish()
    }
}

async fn keep_reading(
    connection: Connection,
    key: String,
    mut operator: OperatorCutOff,
    cut_off: Weak<AtomicU16>,
) {
    let set = |rank: Rank| {
        let cut_off = cut_off.upgrade();
        cut_off.map(|it| it.store(rank.index(), Relaxed)).is_some()
    };
    while set(operator.at(Instant::now())) {
        let read = ask(&connection, &key).await;
        set(operator.take(read, Instant::now()));
        let every = random::jittered(EVERY);
        sleep(
            operator
                .left(Instant::now())
                .map_or(every, |left| left.min(every)),
        )
        .await;
    }
}

async fn ask(connection: &Connection, key: &str) -> Result<Reading, Error> {
    let call = SCRIPT.call_at([key].into_iter(), None);
    let timeout = connection.background_timeout().min(EVERY);
    read(&connection.run_within(&SCRIPT, call, timeout).await?)
}

fn read(reply: &Value) -> Result<Reading, Error> {
    match reply {
        Value::Array(values) => match &values[..] {
            [Value::BulkString(level), Value::Int(left)] => Ok(Reading {
                level: String::from_utf8_lossy(level).into_owned(),
                left: u64::try_from(*left).ok().map(Duration::from_millis),
            }),
            _ => Err(Error::reply("a level and a time")),
        },
        _ => Err(Error::reply("a level and a time")),
    }
}
