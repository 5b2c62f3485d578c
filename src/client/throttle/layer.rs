//! The layer and its settings.

use std::{fmt, sync::Arc};

use tower_layer::Layer;

use super::{observe::Observe, service::Throttle, settings::ThrottleSettings, window::CallWindow};
use crate::{
    client::{
        authority::ByAuthority,
        peers::{DEFAULT_PEERS, KeyedPeers},
    },
    random_bits::RandomBits,
    refusal::{Answer, NoText},
};

/// Refuses calls to servers that refuse them anyway.
///
/// The level of a call is the [`Criticality`](crate::criticality::Criticality)
/// among its extensions, or else that of its header, but not above the
/// [current](crate::criticality::current) one; `Critical` if it has none.
///
/// The layer holds the counts. Neither [`layer`](Layer::layer) nor a clone makes
/// new ones. See the [module docs](super) for how it decides.
#[derive(Clone)]
#[must_use]
pub struct ThrottleLayer<K = ByAuthority, A = Answer<NoText>> {
    peers: Arc<KeyedPeers<K, CallWindow>>,
    settings: Arc<ThrottleSettings>,
    answer: A,
}

impl ThrottleLayer {
    /// Creates a layer that knows peers by the authority of a call's URI, and
    /// begins to refuse calls when a server accepts fewer than half of them.
    pub fn new() -> Self {
        Self {
            peers: Arc::new(KeyedPeers::new(ByAuthority, DEFAULT_PEERS)),
            settings: Arc::default(),
            answer: Answer::new().without_body(),
        }
    }
}

impl Default for ThrottleLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, A> ThrottleLayer<K, A> {
    /// Sets how peers are known: any [`Key`](crate::key::Key). Calls with the
    /// same key share their counts. A call without a key is not limited.
    pub fn peer<K2>(self, key: K2) -> ThrottleLayer<K2, A> {
        ThrottleLayer {
            peers: Arc::new(self.peers.with_key(key)),
            settings: self.settings,
            answer: self.answer,
        }
    }

    /// Sets the `K` of the formula: how many calls there may be for each one
    /// that the server accepts. The default is 2. A lower one saves the server
    /// more work, and notices later that it recovers.
    ///
    /// # Panics
    ///
    /// When it is less than 1 or not finite.
    #[track_caller]
    pub fn calls_per_accepted(self, ratio: f64) -> Self {
        assert!(
            ratio.is_finite() && ratio >= 1.0,
            "invalid calls_per_accepted {ratio}: must be at least 1"
        );
        self.with(|settings| settings.ratio = ratio)
    }

    /// Sets the greatest share of calls that are refused. The default is 0.8:
    /// one call in five always finds out whether the server recovers.
    ///
    /// # Panics
    ///
    /// When it is not from 0 to 1.
    #[track_caller]
    pub fn max_refused(self, share: f64) -> Self {
        assert!(
            (0.0..=1.0).contains(&share),
            "invalid max_refused {share}: must be 0 to 1"
        );
        self.with(|settings| settings.max_refused = share)
    }

    /// Sets from how many calls of a level in two minutes on calls are refused.
    /// The default is 5.
    pub fn min_calls(self, calls: u64) -> Self {
        self.with(|settings| settings.min_calls = calls)
    }

    /// Sets the number of peers, which is 1,024 by default. If all of them are
    /// in use, calls to another one are not limited; otherwise, the peer that
    /// was not called for the longest time is forgotten. The counts so far are
    /// forgotten, too.
    ///
    /// # Panics
    ///
    /// When it is 0.
    #[track_caller]
    pub fn max_peers(mut self, max: usize) -> Self
    where
        K: Clone,
    {
        self.peers = Arc::new(self.peers.with_max(max));
        self
    }

    /// Turns shadow mode on or off: count and decide, but send every call.
    pub fn shadow(self, shadow: bool) -> Self {
        self.with(|settings| settings.shadow = shadow)
    }

    /// Sets the source of randomness: a function that returns 64 random bits.
    /// The default is the operating system. For tests and replays.
    pub fn random(self, random: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        self.with(|settings| settings.random = RandomBits::of(random))
    }

    /// Notifies this observer. A second call replaces the first observer.
    pub fn observe(self, observer: Arc<dyn Observe>) -> Self {
        self.with(|settings| settings.observer = Some(observer))
    }

    /// Sets how calls are refused: any [`Refuse`](crate::refusal::Refuse). By
    /// default they get a response without a body, with status 503 or gRPC
    /// status 14.
    pub fn refuse_with<A2>(self, answer: A2) -> ThrottleLayer<K, A2> {
        ThrottleLayer {
            peers: self.peers,
            settings: self.settings,
            answer,
        }
    }

    fn with(mut self, set: impl FnOnce(&mut ThrottleSettings)) -> Self {
        // Clones the settings if a service or another layer has them.
        set(Arc::make_mut(&mut self.settings));
        self
    }
}

impl<S, K, A: Clone> Layer<S> for ThrottleLayer<K, A> {
    type Service = Throttle<S, K, A>;

    fn layer(&self, inner: S) -> Self::Service {
        let (peers, settings) = (self.peers.clone(), self.settings.clone());
        Throttle::new(inner, peers, settings, self.answer.clone())
    }
}

impl<K: fmt::Debug, A: fmt::Debug> fmt::Debug for ThrottleLayer<K, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThrottleLayer")
            .field("key", self.peers.key())
            .field("settings", &self.settings)
            .field("answer", &self.answer)
            .finish()
    }
}
