//! The layer and its settings.

use std::{fmt, sync::Arc, time::Duration};

use http::{HeaderName, response::Parts};
use tower_layer::Layer;

use super::{
    call::CallSettings, header::TimeoutHeader, margin::Margin, service::PropagateDeadline,
    settings::PropagateSettings,
};
use crate::{
    deadline::{Coverage, Form, Observe},
    refusal::{Answer, NoText},
};

/// Tells the services that a client calls how long they have, and ends calls at
/// their deadline.
///
/// It wraps tonic channels, hyper-util's clients, and any other service from
/// [`http::Request`] to [`http::Response`]. See the [module docs](super) for what
/// it does.
///
/// ```
/// use std::{convert::Infallible, time::Duration};
/// use http::{Request, Response};
/// use sluicegate::deadline::{self, Deadline, PropagateDeadlineLayer};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Infallible> {
/// let callee = service_fn(|req: Request<String>| async move {
///     assert_eq!(req.headers()["x-request-timeout"], "900ms");
///     Ok::<_, Infallible>(Response::new(String::new()))
/// });
/// let client = PropagateDeadlineLayer::new().layer(callee);
/// let deadline = Deadline::after(Duration::from_secs(1));
/// deadline::scope(deadline, client.oneshot(Request::default())).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct PropagateDeadlineLayer<A = Answer<NoText>> {
    /// Shared with the services. A router makes or clones one for each request.
    shared: Arc<CallSettings<A>>,
}

impl PropagateDeadlineLayer {
    /// Returns a layer with the default [margin](Self::margin), without a
    /// longest call, and with an [`Answer`] without a body: the caller is in
    /// this process, and some clients' bodies cannot be made of text.
    pub fn new() -> Self {
        let settings = PropagateSettings::default();
        Self::of(settings, Answer::new().without_body())
    }
}

impl Default for PropagateDeadlineLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: Clone> PropagateDeadlineLayer<A> {
    /// Sets the time that responses need for their way back, which callees are
    /// not told: at most this long, and at most a tenth of the remaining time.
    /// The default is 100 ms.
    pub fn margin(self, most: Duration) -> Self {
        self.with(|settings| settings.margin = Margin::UpTo(most))
    }

    /// Sets the same to exactly this long, as Envoy does. A call that has no
    /// more time left is not sent. Zero means that there is none.
    pub fn fixed_margin(self, margin: Duration) -> Self {
        self.with(|settings| settings.margin = Margin::Fixed(margin))
    }

    /// Sets the longest time for a call, also for one without a deadline, and
    /// for waiting until the service is ready.
    ///
    /// # Panics
    ///
    /// When it is 0, because then nothing could be called.
    #[track_caller]
    pub fn call_max(self, most: Duration) -> Self {
        assert!(
            !most.is_zero(),
            "invalid call_max {most:?}: must be more than 0"
        );
        self.with(|settings| settings.call_max = Some(most))
    }

    /// Sets the header for callees that do not speak gRPC, and the form of its
    /// value. The default is `x-request-timeout`, as [`Form::Text`].
    pub fn http_header(self, name: HeaderName, form: Form) -> Self {
        self.with(|settings| settings.header = TimeoutHeader { name, form })
    }

    /// Sets how much of a response the deadline bounds, by its head. The
    /// default is [`Coverage::usual`], so that event streams last.
    pub fn covers(self, covers: impl Fn(&Parts) -> Coverage + Send + Sync + 'static) -> Self {
        self.with(|settings| settings.covers = Some(Arc::new(covers)))
    }

    /// Sets the observer, which is told of calls that exceed their deadline,
    /// and of malformed timeouts.
    pub fn observe(self, observer: Arc<dyn Observe>) -> Self {
        self.with(|settings| settings.observer = Some(observer))
    }

    fn with(mut self, set: impl FnOnce(&mut PropagateSettings)) -> Self {
        // Clones the settings if a service or another layer has them.
        set(&mut Arc::make_mut(&mut self.shared).settings);
        self
    }
}

impl<A> PropagateDeadlineLayer<A> {
    /// Sets how a call is refused when its time is over: any
    /// [`Refuse`](crate::refusal::Refuse), such as
    /// [`AsError`](crate::refusal::AsError). It sees only the content type of
    /// the request, because the request may be gone by then.
    pub fn refuse_with<A2>(self, answer: A2) -> PropagateDeadlineLayer<A2> {
        let settings = self.shared.settings.clone();
        PropagateDeadlineLayer::of(settings, answer)
    }

    fn of(settings: PropagateSettings, answer: A) -> Self {
        let shared = Arc::new(CallSettings { settings, answer });
        Self { shared }
    }
}

impl<S, A> Layer<S> for PropagateDeadlineLayer<A> {
    type Service = PropagateDeadline<S, A>;

    fn layer(&self, inner: S) -> Self::Service {
        PropagateDeadline::new(inner, self.shared.clone())
    }
}

impl<A: fmt::Debug> fmt::Debug for PropagateDeadlineLayer<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PropagateDeadlineLayer")
            .field("settings", &self.shared.settings)
            .field("answer", &self.shared.answer)
            .finish()
    }
}
