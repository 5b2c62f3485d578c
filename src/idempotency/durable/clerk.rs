//! The thread that has the book.
//!
//! It does what is asked of it in rounds: all that has come is done one after the
//! other, then saved at once, and only then answered. While the disk is at it, the
//! next round comes together, so that however many ask at once, each waits for one
//! round or two, and they share what it costs.

use tokio::sync::{mpsc, watch};

use crate::idempotency::store::StoreError;

use super::{book::Book, counts::DurableCounts};

/// How many wait at most for the clerk to come to them; more wait to get in.
pub(super) const QUEUE: usize = 1_024;

/// Something to be done; what it makes is the answer.
pub(super) type Job = Box<dyn FnOnce(&mut Book) -> Answer + Send>;

/// An answer to be given, or what went wrong when it was to be saved.
pub(super) type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// An order for the clerk.
pub(super) enum Order {
    Do(Job),
    Close,
}

/// What everybody may know.
#[derive(Clone, Debug, Default)]
pub(super) struct News {
    pub(super) counts: DurableCounts,
    /// Why it is closed, unless somebody closed it.
    pub(super) failed: Option<StoreError>,
}

impl News {
    pub(super) fn of(book: &Book) -> Self {
        let (counts, failed) = (book.counts(), None);
        Self { counts, failed }
    }
}

/// The thread that has the book.
pub(super) struct Clerk {
    pub(super) book: Book,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) news: watch::Sender<News>,
}

impl Clerk {
    /// Works until it is to close, nobody is left who could ask, or the disk
    /// fails: then what is on it is not what was said, and only who opens it anew
    /// knows what is.
    pub(super) fn work(mut self) {
        while let Some(Order::Do(job)) = self.orders.blocking_recv() {
            if !self.round(job) {
                break;
            }
        }
        // Even that is for nothing if the disk has failed, and harms nobody.
        let _ = self.book.close();
        // Dropped last, for it tells that all else is.
        drop(self.news);
    }

    /// One round; whether there may be another.
    fn round(&mut self, first: Job) -> bool {
        let mut answers = Vec::new();
        let closing = self.do_all(first, &mut answers);
        let saved = self.book.save();
        self.tell_news(&saved);
        for answer in answers {
            answer(saved.clone());
        }
        self.book.ring();
        saved.is_ok() && !closing
    }

    /// Does this and what else has come; whether it is to close after that.
    fn do_all(&mut self, first: Job, answers: &mut Vec<Answer>) -> bool {
        self.take(first, answers);
        for _ in 1..QUEUE {
            match self.orders.try_recv() {
                Ok(Order::Do(job)) => self.take(job, answers),
                Ok(Order::Close) => return true,
                Err(_) => break,
            }
        }
        false
    }

    fn take(&mut self, job: Job, answers: &mut Vec<Answer>) {
        let answer = job(&mut self.book);
        match self.book.is_saved() {
            true => answer(Ok(())),
            false => answers.push(answer),
        }
    }

    fn tell_news(&self, saved: &Result<(), StoreError>) {
        let failed = saved.as_ref().err().cloned();
        let news = News::of(&self.book);
        self.news.send_replace(News { failed, ..news });
    }
}
