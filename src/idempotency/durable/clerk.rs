//! The thread that has the book.
//!
//! It does what is asked of it in rounds: all that has come is done one after the
//! other, then saved at once, and only then answered. While the disk is at it, the
//! next round comes together, so that however many ask at once, each waits for one
//! round or two, and they share what it costs.

use tokio::sync::{mpsc, watch};

use crate::idempotency::store::StoreError;

use super::{
    book::Book,
    counts::DurableCounts,
    reopen::{Reopen, is_for_want_of_room},
};

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
    /// None while the disk has no room.
    pub(super) book: Option<Book>,
    pub(super) reopen: Reopen,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) news: watch::Sender<News>,
}

impl Clerk {
    /// Works until it is to close, nobody is left who could ask, or the disk
    /// fails: then what is on it is not what was said, and only who opens it anew
    /// knows what is. If it was only full, that is done here.
    pub(super) fn work(mut self) {
        while let Some(Order::Do(job)) = self.orders.blocking_recv() {
            // Who asked for what is dropped hears why the store has failed.
            if let Some(book) = self.book()
                && !self.round(book, job)
            {
                break;
            }
        }
        if let Some(book) = self.book {
            // Even that is for nothing if the disk has failed, and harms nobody.
            let _ = book.close();
        }
        // Dropped last, for it tells that all else is.
        drop(self.news);
    }

    /// The book, opened anew if it has to be and can be.
    fn book(&mut self) -> Option<Book> {
        if self.book.is_none() {
            match self.reopen.book()? {
                Ok(book) => {
                    self.news.send_replace(News::of(&book));
                    return Some(book);
                }
                Err(failed) => {
                    self.news.send_modify(|news| news.failed = Some(failed));
                }
            }
        }
        self.book.take()
    }

    /// One round; whether there may be another.
    fn round(&mut self, mut book: Book, first: Job) -> bool {
        let mut answers = Vec::new();
        let closing = self.do_all(&mut book, first, &mut answers);
        let saved = book.save();
        self.tell_news(&book, &saved);
        for answer in answers {
            answer(saved.clone());
        }
        book.ring();
        match saved {
            Ok(()) => {
                self.book = Some(book);
                !closing
            }
            Err(failed) => {
                // Its files are free before it is opened anew.
                drop(book);
                self.reopen.wait();
                is_for_want_of_room(&failed) && !closing
            }
        }
    }

    /// Does this and what else has come; whether it is to close after that.
    fn do_all(&mut self, book: &mut Book, first: Job, answers: &mut Vec<Answer>) -> bool {
        take(book, first, answers);
        for _ in 1..QUEUE {
            match self.orders.try_recv() {
                Ok(Order::Do(job)) => take(book, job, answers),
                Ok(Order::Close) => return true,
                Err(_) => break,
            }
        }
        false
    }

    fn tell_news(&self, book: &Book, saved: &Result<(), StoreError>) {
        let failed = saved.as_ref().err().cloned();
        let news = News::of(book);
        self.news.send_replace(News { failed, ..news });
    }
}

fn take(book: &mut Book, job: Job, answers: &mut Vec<Answer>) {
    let answer = job(book);
    match book.is_saved() {
        true => answer(Ok(())),
        false => answers.push(answer),
    }
}
