//! A body that its response and the timer share, so that either can end it.
//!
//! The body is not polled under the lock, because a poll may take long, and the
//! timer serves all other bodies too. So the timer finds it in one of three
//! states: waiting, and drops it; being polled, and marks it, so that the poll
//! drops it; or expired.

use std::{mem, sync::Arc, task::Waker};

use http_body::Body;

use super::scoped_body::ScopedBody;
use crate::{
    deadline::{
        Event, Stage,
        enforce::{settings::EnforceSettings, timer::Expire},
    },
    sync::{Mutex, lock},
};

/// The inner body, owned by the response body and by the timer together.
pub(super) struct SharedBody<B> {
    pub(super) settings: Arc<EnforceSettings>,
    /// Whether the server has told the client how long the body is.
    pub(super) is_sized: bool,
    state: Mutex<State<B>>,
}

/// Where the body is at present.
enum State<B> {
    /// Not being polled. The waker is that of the last poll, if it was pending.
    Waiting(ScopedBody<B>, Option<Waker>),
    /// Being polled, outside of the lock.
    Polled,
    /// Dropped at its deadline.
    Expired,
}

impl<B> SharedBody<B> {
    /// Returns the body in the state in which it is not being polled.
    pub(super) fn new(settings: Arc<EnforceSettings>, is_sized: bool, body: ScopedBody<B>) -> Self {
        Self {
            settings,
            is_sized,
            state: Mutex::new(State::Waiting(body, None)),
        }
    }

    /// Takes the body out to poll it; `None` if it was dropped.
    pub(super) fn take(&self) -> Option<ScopedBody<B>> {
        let mut state = lock(&self.state);
        match mem::replace(&mut *state, State::Polled) {
            State::Waiting(body, _) => Some(body),
            // `Polled` is left behind by a poll that panicked. Such a body has
            // no clean end either.
            State::Polled | State::Expired => None,
        }
    }

    /// Puts the body back after a poll. Returns false, and ends the body, if it
    /// expired meanwhile.
    pub(super) fn put_back(&self, body: ScopedBody<B>, waker: Option<Waker>) -> bool {
        let mut state = lock(&self.state);
        let in_time = matches!(*state, State::Polled);
        if in_time {
            *state = State::Waiting(body, waker);
        } else {
            // Not under the lock: what a body drops may want it.
            drop(state);
            self.end(body);
        }
        in_time
    }

    /// Drops the body because its deadline has passed.
    pub(super) fn end(&self, mut body: ScopedBody<B>) {
        self.settings.notice(Event::Exceeded(Stage::Body));
        body.scope.exceeded();
    }

    /// Wakes the server that waits for a frame. It finds out by a poll whether
    /// there is one by now.
    fn wake(&self) {
        let waker = match &mut *lock(&self.state) {
            State::Waiting(_, waker) => waker.take(),
            State::Polled | State::Expired => None,
        };
        waker.into_iter().for_each(Waker::wake);
    }
}

impl<B: Body> SharedBody<B> {
    /// Returns what `read` finds in the body; `None` if it is not here.
    pub(super) fn read<T>(&self, read: impl FnOnce(&B) -> T) -> Option<T> {
        match &*lock(&self.state) {
            State::Waiting(scoped, _) => Some(read(&scoped.body)),
            State::Polled | State::Expired => None,
        }
    }
}

/// Drops the body when its time is over, even if no server polls it.
impl<B: Send> Expire for SharedBody<B> {
    fn expire(&self) {
        let mut state = lock(&self.state);
        if self.is_sized && matches!(*state, State::Polled) {
            // The poll itself decides: it may have a frame.
            return;
        }
        let before = mem::replace(&mut *state, State::Expired);
        drop(state);
        if let State::Waiting(body, waker) = before {
            // Wakes first, because the drop of the body may panic.
            waker.into_iter().for_each(Waker::wake);
            self.end(body);
        }
    }
}

/// A body as the timer sees it, whatever its type is.
pub(super) trait TimedBody: Expire {
    /// Wakes the server that waits for a frame, without dropping the body.
    fn wake(&self);
}

impl<B: Send> TimedBody for SharedBody<B> {
    fn wake(&self) {
        self.wake();
    }
}

/// Wakes the server of a body of known size at the deadline.
pub(super) struct WakeAtDeadline(pub(super) Arc<dyn TimedBody>);

impl Expire for WakeAtDeadline {
    fn expire(&self) {
        self.0.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::deadline::{Counts, Deadline, enforce::request_scope::RequestScope};

    fn shared(counts: &Arc<Counts>) -> SharedBody<String> {
        let mut settings = EnforceSettings::new();
        settings.observer = Some(counts.clone());
        let deadline = Deadline::after(Duration::from_secs(1));
        let scope = RequestScope::new(deadline, Some(deadline));
        let body = String::from("x");
        SharedBody::new(Arc::new(settings), false, ScopedBody { body, scope })
    }

    #[test]
    fn a_poll_finds_out_that_the_body_expired_meanwhile() {
        let counts = Arc::new(Counts::default());
        let shared = shared(&counts);
        let body = shared.take().unwrap();
        shared.expire();
        assert!(!shared.put_back(body, None));
        assert!(shared.take().is_none());
        shared.expire();
        assert_eq!(counts.snapshot().exceeded_in_body, 1);
    }

    #[test]
    fn a_body_that_ended_meanwhile_was_not_late() {
        let counts = Arc::new(Counts::default());
        let shared = shared(&counts);
        let mut body = shared.take().unwrap();
        shared.expire();
        body.scope.done();
        assert_eq!(counts.snapshot().exceeded_in_body, 0);
    }
}
