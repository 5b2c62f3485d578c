//! The layer and its settings.

use std::{fmt, sync::Arc};

use tower_layer::Layer;

use super::{service::Draining, settings::LayerSettings};
use crate::{
    drain::state::DrainState,
    error::{InvalidSetting, valid},
    refusal::Answer,
};

/// Tracks requests from their head to the end of the response's body; made by
/// [`Drain::layer`](crate::drain::Drain::layer).
///
/// Put it outside of all other layers, so that it sees every request. Clones,
/// and other layers of the same drain, count together.
///
/// | stage | what the layer does |
/// |---|---|
/// | serving | counts |
/// | lame duck | asks clients of HTTP/1.1 to use another connection (`connection: close`) |
/// | draining | refuses new requests: [`Reason::Draining`](crate::refusal::Reason::Draining) |
/// | cancelling | ends streams: server-sent events at once or with a [last event](Self::last_event), gRPC with status 14 |
/// | aborting | drops handlers and bodies: [`Reason::Aborted`](crate::refusal::Reason::Aborted), or an error in a body that has begun |
///
/// Streams of gRPC-Web, whose trailers are part of the body, end with the abort.
///
/// A request is in flight until the last frame of its body was taken, which is
/// before the client has received it: the server closes a connection only after
/// it has sent everything, and [`Drain::serve`](crate::drain::Drain::serve)
/// waits for the server, too.
#[derive(Clone)]
#[must_use]
pub struct DrainLayer<X = (), A = Answer> {
    pub(super) state: Arc<DrainState>,
    pub(super) settings: Arc<LayerSettings<X, A>>,
}

impl DrainLayer {
    pub(in crate::drain) fn new(state: Arc<DrainState>) -> Self {
        let settings = LayerSettings {
            exempt: (),
            answer: Answer::new(),
            last_event: None,
        };
        Self {
            state,
            settings: Arc::new(settings),
        }
    }
}

impl<X: Clone, A: Clone> DrainLayer<X, A> {
    /// Sets which requests are served until the end and not waited for, such as
    /// health checks and scrapes of metrics. They reach the server on
    /// connections that are open; for new connections, give them a port of their
    /// own.
    ///
    /// ```
    /// use http::Request;
    /// use sluicegate::drain::Drain;
    ///
    /// let layer = Drain::new().layer().exempt(|req: &Request<()>| req.uri().path() == "/metrics");
    /// # let _ = layer;
    /// ```
    pub fn exempt<Req, F: Fn(&Req) -> bool>(self, exempt: F) -> DrainLayer<F, A> {
        self.map(|settings| LayerSettings {
            exempt,
            answer: settings.answer,
            last_event: settings.last_event,
        })
    }

    /// Sets how late and aborted requests are refused: any
    /// [`Refuse`](crate::refusal::Refuse). The layer adds `connection: close` to
    /// responses over HTTP/1.1.
    pub fn refuse_with<A2>(self, answer: A2) -> DrainLayer<X, A2> {
        self.map(|settings| LayerSettings {
            exempt: settings.exempt,
            answer,
            last_event: settings.last_event,
        })
    }

    /// Sends this event at the end of each stream of server-sent events that has
    /// not ended by itself when its last words are due. A browser reconnects
    /// after any end of a stream.
    ///
    /// It is left out where it would damage the stream: in the middle of
    /// another event, and in a compressed body.
    ///
    /// ```
    /// use sluicegate::drain::Drain;
    ///
    /// let layer = Drain::new().layer().last_event("goodbye", "reconnect");
    /// # let _ = layer;
    /// ```
    ///
    /// # Panics
    ///
    /// When the name or the data contains a line break.
    #[track_caller]
    pub fn last_event(self, name: &str, data: &str) -> Self {
        let fits = |text: &str| !text.contains(['\r', '\n', '\0']);
        let text = |text: &str| match fits(text) {
            true => Ok(()),
            false => Err(InvalidSetting::text("last event", text, "one line")),
        };
        valid(text(name).and(text(data)));
        let event = format!("event: {name}\ndata: {data}\n\n");
        self.map(|settings| LayerSettings {
            last_event: Some(event.into()),
            ..settings
        })
    }

    fn map<X2, A2>(
        self,
        map: impl FnOnce(LayerSettings<X, A>) -> LayerSettings<X2, A2>,
    ) -> DrainLayer<X2, A2> {
        DrainLayer {
            state: self.state,
            settings: Arc::new(map(Arc::unwrap_or_clone(self.settings))),
        }
    }
}

impl<S, X, A> Layer<S> for DrainLayer<X, A> {
    type Service = Draining<S, X, A>;

    fn layer(&self, inner: S) -> Self::Service {
        Draining::new(inner, self.state.clone(), self.settings.clone())
    }
}

impl<X, A> fmt::Debug for DrainLayer<X, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DrainLayer")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
