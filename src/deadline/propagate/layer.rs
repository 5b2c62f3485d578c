use std::{fmt, sync::Arc, time::Duration};

use tower_layer::Layer;

use super::{
    header::TimeoutHeader,
    margin::Margin,
    service::PropagateDeadline,
    terms::{Shared, Terms},
};
use crate::{
    deadline::{Covers, Observe},
    refusal::{Answer, NoText},
};

/// Passes deadlines on to those that a client calls, and keeps to them.
///
/// It wraps tonic channels, hyper-util's clients, and any other service that is
/// called with a [`http::Request`] and answers with a [`http::Response`]. See the
/// [module docs](super) for what it does.
#[derive(Clone)]
#[must_use]
pub struct PropagateDeadlineLayer<A = Answer<NoText>> {
    terms: Terms,
    answer: A,
}

impl PropagateDeadlineLayer {
    /// With the default [`Margin`], no longest call, and an [`Answer`] without a body:
    /// the caller is in this process, and some clients' bodies cannot be made of text.
    pub fn new() -> Self {
        let terms = Terms {
            margin: Margin::default(),
            call_max: None,
            header: TimeoutHeader::default(),
            observer: None,
            covers: None,
        };
        let answer = Answer::new().without_body();
        Self { terms, answer }
    }
}

impl Default for PropagateDeadlineLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<A> PropagateDeadlineLayer<A> {
    /// What callees are not told of.
    pub fn margin(self, margin: Margin) -> Self {
        self.with(|terms| terms.margin = margin)
    }

    /// The longest that a call may take; also of one that has no deadline. As long is
    /// waited at most for the service to be ready.
    ///
    /// # Panics
    ///
    /// When it is zero, because then nothing could be called.
    #[track_caller]
    pub fn call_max(self, most: Duration) -> Self {
        assert!(
            !most.is_zero(),
            "invalid call_max {most:?}: must be more than 0"
        );
        self.with(|terms| terms.call_max = Some(most))
    }

    /// Which header tells callees that do not speak gRPC.
    pub fn http_header(self, header: TimeoutHeader) -> Self {
        self.with(|terms| terms.header = header)
    }

    /// How much of an answer the deadline bounds, chosen by its head:
    /// [`Coverage::usual`](crate::deadline::Coverage::usual) unless set, so that event
    /// streams last. Takes a [`Coverage`](crate::deadline::Coverage) for all, or a
    /// closure.
    pub fn covers(self, covers: impl Covers + Send + Sync + 'static) -> Self {
        self.with(|terms| terms.covers = Some(Arc::new(covers)))
    }

    /// Who is told of calls whose time was over, and of timeouts that cannot be
    /// read.
    pub fn observe(self, observer: Arc<dyn Observe>) -> Self {
        self.with(|terms| terms.observer = Some(observer))
    }

    /// How a call is answered when its time is over: any
    /// [`Refuse`](crate::refusal::Refuse), such as
    /// [`AsError`](crate::refusal::AsError). Of the request it is given the
    /// content type, and nothing else, for the request may be gone by then.
    pub fn refuse_with<A2>(self, answer: A2) -> PropagateDeadlineLayer<A2> {
        PropagateDeadlineLayer {
            terms: self.terms,
            answer,
        }
    }

    fn with(mut self, set: impl FnOnce(&mut Terms)) -> Self {
        set(&mut self.terms);
        self
    }
}

impl<S, A: Clone> Layer<S> for PropagateDeadlineLayer<A> {
    type Service = PropagateDeadline<S, A>;

    fn layer(&self, inner: S) -> Self::Service {
        let shared = Shared {
            terms: self.terms.clone(),
            answer: self.answer.clone(),
        };
        PropagateDeadline::new(inner, Arc::new(shared))
    }
}

impl<A: fmt::Debug> fmt::Debug for PropagateDeadlineLayer<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PropagateDeadlineLayer")
            .field("terms", &self.terms)
            .field("answer", &self.answer)
            .finish()
    }
}
