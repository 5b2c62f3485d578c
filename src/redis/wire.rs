//! One TCP connection, for as long as its answers belong to their questions.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::future::{Either, join, select};
use redis::{Value, aio::MultiplexedConnection};
use tokio::{runtime::Handle, sync::watch, time::Instant};

use super::{
    call::{Answer, Call, Numbers, Proof, Shown},
    error::Error,
    settings::Settings,
};

/// A connection that is closed as soon as an answer shows that it belongs to
/// another question: those who wait for theirs would be given another's, too.
pub(super) struct Wire {
    /// Which one of its node it is.
    pub(super) serial: u64,
    server: String,
    connection: MultiplexedConnection,
    stage: watch::Sender<Stage>,
    doubted: AtomicBool,
    /// Calls without an answer, since the last one that had one.
    missed: AtomicU32,
    made: Instant,
    /// When it was used last, in milliseconds since it was made.
    used: AtomicU64,
    settings: Arc<Settings>,
}

/// Servers close connections that were idle for some seconds, at the soonest.
const REST: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// Given up by its node: who waits for an answer still gets it.
    Retired,
    /// An answer belonged to another question: nobody gets an answer any more.
    Cut,
}

impl Wire {
    pub(super) fn new(
        serial: u64,
        server: &str,
        connection: MultiplexedConnection,
        settings: &Arc<Settings>,
    ) -> Self {
        Self {
            serial,
            server: server.to_owned(),
            connection,
            stage: watch::Sender::new(Stage::Open),
            doubted: AtomicBool::new(false),
            missed: AtomicU32::new(0),
            made: Instant::now(),
            used: AtomicU64::new(0),
            settings: Arc::clone(settings),
        }
    }

    /// Sends it once, and returns its own answer.
    pub(super) async fn ask(&self, call: &Call<'_>, asking: bool) -> Result<Value, Error> {
        self.used.store(self.age(), Relaxed);
        match self.exchange(call, asking).await? {
            Answer::Own(value) => Ok(value),
            Answer::Failed(error) => Err(Error::failed(&self.server, error)),
            Answer::Refused(error, shown) => {
                if shown == Shown::No {
                    self.prove().await?;
                }
                Err(Error::refused(&self.server, error))
            }
            Answer::Foreign => Err(self.cut()),
        }
    }

    /// Makes sure that answers come in the order of their questions. An error of the
    /// server leaves that open: any question would get it.
    pub(super) async fn prove(&self) -> Result<(), Error> {
        let proof = Proof(self.numbers().next());
        let question = proof.question();
        let sent = async {
            let mut connection = self.connection.clone();
            let answer = connection.send_packed_command(&question).await;
            answer.map(|answer| proof.read(answer))
        };
        match self.unless_cut(sent).await? {
            Answer::Own(_) => Ok(()),
            Answer::Failed(error) | Answer::Refused(error, _) => {
                Err(Error::refused(&self.server, error))
            }
            Answer::Foreign => Err(self.cut()),
        }
    }

    async fn exchange(&self, call: &Call<'_>, asking: bool) -> Result<Answer, Error> {
        let proof = self.numbers().next();
        let pipeline = call.pipeline(asking, proof);
        let sent = async {
            // It never sends again, whatever happens: redis-rs does that in its
            // connection manager and in its cluster client, which are not used here.
            let mut connection = self.connection.clone();
            let Some(pipeline) = pipeline else {
                let answer = connection.send_packed_command(call.command()).await?;
                return Ok(call.read(answer));
            };
            let answers = connection.send_packed_commands(&pipeline, 0, pipeline.len());
            Ok(call.read_all(asking, proof, answers.await?))
        };
        self.unless_cut(sent).await
    }

    async fn unless_cut(
        &self,
        sent: impl Future<Output = redis::RedisResult<Answer>>,
    ) -> Result<Answer, Error> {
        let mut stage = self.stage.subscribe();
        let cut = stage.wait_for(|stage| *stage == Stage::Cut);
        match select(pin!(sent), pin!(cut)).await {
            Either::Left((answer, _)) => answer.map_err(|error| Error::lost(&self.server, &error)),
            Either::Right(_) => Err(Error::cut(&self.server)),
        }
    }

    /// Finds out in the background whether answers still come in the order of their
    /// questions, once a caller has given up: the answer that was lost may have been
    /// its own. Then the answer of the first proof is taken for that, and the first
    /// proof is answered by the second. Tells if the connection was cut.
    pub(super) fn doubt(self: &Arc<Self>, cut: impl FnOnce() + Send + 'static) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        if self.doubted.swap(true, Relaxed) {
            return;
        }
        let wire = Arc::clone(self);
        runtime.spawn(async move {
            let mut stage = wire.stage.subscribe();
            let proofs = join(wire.prove(), wire.prove());
            let ended = stage.wait_for(|stage| *stage != Stage::Open);
            let _ = select(pin!(proofs), pin!(ended)).await;
            wire.doubted.store(false, Relaxed);
            if *wire.stage.borrow() == Stage::Cut {
                cut();
            }
        });
    }

    /// Whether it was not used for a while.
    pub(super) fn has_rested(&self) -> bool {
        let unused = self.age().saturating_sub(self.used.load(Relaxed));
        unused >= REST.as_millis() as u64
    }

    fn age(&self) -> u64 {
        self.made.elapsed().as_millis() as u64
    }

    pub(super) fn answered(&self) {
        // Nearly always zero already.
        if self.missed.load(Relaxed) != 0 {
            self.missed.store(0, Relaxed);
        }
    }

    /// A call has got no answer in time: how many in a row have not.
    pub(super) fn missed(&self) -> u32 {
        self.missed.fetch_add(1, Relaxed).saturating_add(1)
    }

    /// Who waits for an answer may still get it; nobody else asks.
    pub(super) fn retire(&self) {
        self.stage.send_if_modified(|stage| {
            let was_open = *stage == Stage::Open;
            if was_open {
                *stage = Stage::Retired;
            }
            was_open
        });
    }

    fn cut(&self) -> Error {
        if self.stage.send_replace(Stage::Cut) == Stage::Cut {
            return Error::cut(&self.server);
        }
        self.settings.counters.mixed_up.add();
        tracing::warn!(
            target: "sluicegate::redis",
            server = self.server,
            "an answer of redis belongs to another question: its connection is closed",
        );
        Error::mixed_up(&self.server)
    }

    fn numbers(&self) -> &Numbers {
        &self.settings.numbers
    }
}
