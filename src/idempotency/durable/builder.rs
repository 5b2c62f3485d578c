//! How a durable store is configured.

use std::{
    any::Any,
    fmt, io,
    path::Path,
    thread::{self, JoinHandle},
};

use tokio::sync::{mpsc, oneshot, watch};

use super::{
    book::Book,
    clerk::{Clerk, News, QUEUE},
    error::OpenError,
    fsync::Fsync,
    mark::AROUND,
    reopen::Reopen,
    store::Durable,
    time::{Hand, hand},
};
use crate::clock::{Clock, Monotonic, Wall};

/// A [`Durable`] store that is still to be configured.
#[must_use = "it does nothing until it is opened"]
pub struct DurableBuilder(Settings);

/// What is set.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) capacity: u64,
    pub(super) fsync: Fsync,
    pub(super) clock: Hand,
    pub(super) wall: Hand,
}

impl DurableBuilder {
    pub(super) fn new() -> Self {
        Self(Settings {
            capacity: 1 << 30,
            fsync: Fsync::default(),
            clock: hand(Monotonic::new()),
            wall: hand(Wall),
        })
    }

    /// How many bytes all records may take together: 1 GiB unless it is set. See
    /// [room](Durable#room).
    ///
    /// # Panics
    ///
    /// When that is less than one record takes, 256.
    #[track_caller]
    pub fn capacity(mut self, bytes: u64) -> Self {
        assert!(
            bytes >= AROUND,
            "invalid capacity {bytes}: must be at least {AROUND} bytes"
        );
        self.0.capacity = bytes;
        self
    }

    /// What is answered only when the disk has it: claims and completions unless
    /// it is set.
    pub fn fsync(mut self, fsync: Fsync) -> Self {
        self.0.fsync = fsync;
        self
    }

    /// The clock to go by while it is open: [`Monotonic`] unless it is set.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.0.clock = hand(clock);
        self
    }

    /// The clock that tells how long it was closed: [`Wall`] unless it is set. See
    /// [time](Durable#time).
    pub fn wall(mut self, wall: impl Clock) -> Self {
        self.0.wall = hand(wall);
        self
    }

    /// Opens the store in this folder, or makes a new one there.
    ///
    /// That takes a thread, which ends when the last clone is dropped.
    ///
    /// # Errors
    ///
    /// When another has it open, or it cannot be read; never a panic.
    pub async fn open(self, folder: impl AsRef<Path>) -> Result<Durable, OpenError> {
        let (sender, orders) = mpsc::channel(QUEUE);
        let (news, latest) = watch::channel(News::default());
        let (opened, told) = oneshot::channel();
        let Self(settings) = self;
        let folder = folder.as_ref().to_path_buf();
        let thread = spawn(move || {
            if let Some(book) = open(&folder, settings.clone(), &news, opened) {
                let clerk = Clerk {
                    book: Some(book),
                    reopen: Reopen::new(folder, settings),
                    orders,
                    news,
                };
                clerk.work();
            }
        });
        let thread = thread.map_err(OpenError::unreadable)?;
        told.await.unwrap_or_else(|_| Err(panicked(thread)))?;
        Ok(Durable::new(sender, latest))
    }
}

fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    let thread = thread::Builder::new().name("sluicegate-durable".into());
    thread.spawn(work)
}

fn open(
    folder: &Path,
    settings: Settings,
    news: &watch::Sender<News>,
    opened: oneshot::Sender<Result<(), OpenError>>,
) -> Option<Book> {
    let book = Book::open(folder, settings);
    let (book, result) = match book {
        Ok(book) => {
            // Before it is known to be open, for then they may be asked for.
            news.send_replace(News::of(&book));
            (Some(book), Ok(()))
        }
        Err(error) => (None, Err(error)),
    };
    // Who gave up waiting dropped the other end of the orders too.
    let _ = opened.send(result);
    book
}

/// Files that are not what they are taken for make the reader of them panic.
fn panicked(thread: JoinHandle<()>) -> OpenError {
    let panic = thread.join().err();
    let text = panic.as_deref().and_then(text).unwrap_or("a panic");
    OpenError::unreadable(text)
}

fn text(panic: &(dyn Any + Send)) -> Option<&str> {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied())
}

impl fmt::Debug for DurableBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DurableBuilder")
            .field("capacity", &self.0.capacity)
            .field("fsync", &self.0.fsync)
            .finish_non_exhaustive()
    }
}
