//! Tells the store how the work ended, when its body has.

use http::HeaderMap;

use super::{
    policy::{Fate, Keeping},
    replay::trailers as kept,
};
use crate::idempotency::{
    guard::{CompletionStatus, Guard, Word},
    record::{Body, Record, Reply},
    store::Store,
};

/// Who holds the lease until the answer has ended. Dropped, it leaves work of
/// unknown outcome.
pub(crate) struct Keeper<S: Store> {
    pub(crate) guard: Guard<S>,
    pub(crate) reply: Reply,
    pub(crate) fate: Fate,
    pub(crate) keeping: Keeping,
}

impl<S: Store> Keeper<S> {
    /// Takes note of what the answer says at its end.
    pub(crate) fn hear(&mut self, trailers: &HeaderMap) {
        if self.fate == Fate::InTrailers {
            self.fate = self.keeping.at_end(trailers, &self.reply.headers);
        }
    }

    /// Whether this answer counts, and not that of another who has the lease.
    pub(crate) fn end(
        self,
        body: Body,
        trailers: &HeaderMap,
    ) -> impl Future<Output = bool> + Send + use<S> {
        let (guard, word) = self.word(body, trailers);
        async move {
            let Some(word) = word else {
                // Dropped with its guard.
                return true;
            };
            let is_release = matches!(word, Word::NotDone);
            guard.end(word).await != CompletionStatus::Lost || is_release
        }
    }

    /// What there is to tell; nothing if the lease lapses.
    fn word(self, body: Body, trailers: &HeaderMap) -> (Guard<S>, Option<Word>) {
        let body = match self.fate {
            Fate::Release => return (self.guard, Some(Word::NotDone)),
            Fate::Lapse | Fate::InTrailers => return (self.guard, None),
            Fate::Store => body,
            Fate::WithoutBody => Body::Omitted,
        };
        let mut reply = self.reply;
        reply.body = body;
        reply.trailers = kept(trailers);
        let word = self.guard.done(&Record::Reply(reply));
        (self.guard, Some(word))
    }
}
