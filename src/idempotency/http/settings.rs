//! The settings of the layer that are values. `configure` sets them, and the
//! executor owns them. Settings that are types are parameters of the layer
//! instead.

use http::{HeaderName, Method};

use super::{
    body::budget::BodyBudget,
    latency::WorkLatency,
    request::identity::RequestIdentity,
    retention::{policy::RetentionPolicy, replay::ReplayPolicy},
};
use crate::{
    idempotency::{key::KeyForm, runner::OnError, store::StoreError, waiting::Waiting},
    key::PeerWarning,
};

/// The default cap of a body: enough for most services, and small enough that a
/// store can keep many.
const MIB: usize = 1 << 20;

/// The configuration of a layer, and the state that its clones share.
#[derive(Clone, Debug)]
pub(crate) struct HttpSettings {
    /// The methods that may have a key.
    pub(crate) methods: Vec<Method>,
    /// The header that has the key.
    pub(crate) header: HeaderName,
    /// Which keys are accepted.
    pub(crate) form: KeyForm,
    /// When two requests are the same.
    pub(crate) identity: RequestIdentity,
    /// In bytes.
    pub(crate) max_request_body: usize,
    /// In bytes.
    pub(crate) max_response_body: usize,
    /// The memory for all bodies that are read or held.
    pub(crate) budget: BodyBudget,
    /// Which responses are kept.
    pub(crate) retention: RetentionPolicy,
    /// Which headers are kept.
    pub(crate) replay: ReplayPolicy,
    /// The fate of work whose service failed without a response.
    pub(crate) on_error: OnError,
    /// Whether a request passes if the store fails.
    pub(crate) fails_open: bool,
    /// `None` if duplicates do not wait.
    pub(crate) waiting: Option<Waiting>,
    /// How long work usually takes.
    pub(crate) latency: WorkLatency,
    /// Warns once if the transport does not tell the client's address.
    pub(crate) peer_warning: PeerWarning,
}

impl HttpSettings {
    /// Creates the defaults that the setters of the layer document.
    pub(super) fn new() -> Self {
        Self {
            methods: vec![Method::POST, Method::PATCH],
            header: HeaderName::from_static("idempotency-key"),
            form: KeyForm::new(),
            identity: RequestIdentity::new(),
            max_request_body: MIB,
            max_response_body: MIB,
            budget: BodyBudget::new(64 * MIB),
            retention: RetentionPolicy::default(),
            replay: ReplayPolicy::new(),
            on_error: OnError::Lapse,
            fails_open: false,
            waiting: None,
            latency: WorkLatency::default(),
            peer_warning: PeerWarning::default(),
        }
    }

    /// Returns whether to do the work although the store failed. If there is a
    /// record that cannot be read, the work was done, so it is not done again.
    pub(super) fn opens(&self, error: &StoreError) -> bool {
        self.fails_open && !matches!(error, StoreError::Record(_))
    }
}
