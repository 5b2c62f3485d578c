//! The layer and its settings.

use std::{fmt, sync::Arc, time::Duration};

use tower_layer::Layer;

use super::{observe::Observe, peer::Peer, service::Obey, settings::ObeySettings};
use crate::{
    client::{
        advice::MAX_DELAY,
        authority::ByAuthority,
        peers::{DEFAULT_PEERS, KeyedPeers},
    },
    limit::Wait,
    random_bits::RandomBits,
    refusal::{Answer, NoText},
};

/// Holds calls back as the servers that they go to want.
///
/// The layer holds what is known of the peers. Neither [`layer`](Layer::layer)
/// nor a clone makes new state. A setting that is called later than `layer`
/// applies to later services only, but their peers are the same. See the
/// [module docs](super) for how it decides.
#[derive(Clone)]
#[must_use]
pub struct ObeyLayer<K = ByAuthority, A = Answer<NoText>> {
    peers: Arc<KeyedPeers<K, Peer>>,
    settings: Arc<ObeySettings>,
    answer: A,
}

impl ObeyLayer {
    /// Creates a layer that knows peers by the authority of a call's URI. Calls
    /// wait for up to 30 seconds, and no header causes a longer pause than 5
    /// minutes.
    pub fn new() -> Self {
        Self {
            peers: Arc::new(KeyedPeers::new(ByAuthority, DEFAULT_PEERS)),
            settings: Arc::default(),
            answer: Answer::new().without_body(),
        }
    }
}

impl Default for ObeyLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, A> ObeyLayer<K, A> {
    /// Sets how peers are known: any [`Key`](crate::key::Key). Calls with the
    /// same key share what is known. A call without a key is not limited.
    ///
    /// Use it where one server has several quotas: for each user whose token a
    /// call carries, or for each group of paths.
    ///
    /// ```
    /// use http::Request;
    /// use sluicegate::{client::obey::ObeyLayer, key};
    ///
    /// // Searches have a quota of their own.
    /// let layer = ObeyLayer::new().peer(key::by(|req: &Request<String>| {
    ///     Some(req.uri().path() == "/search")
    /// }));
    /// # let _ = layer;
    /// ```
    pub fn peer<K2>(self, key: K2) -> ObeyLayer<K2, A> {
        ObeyLayer {
            peers: Arc::new(self.peers.with_key(key)),
            settings: self.settings,
            answer: self.answer,
        }
    }

    /// Sets how long a call waits, and behind how many others. A
    /// [`Duration`] alone is the longest wait; zero and [`Wait::none`] refuse at
    /// once.
    ///
    /// A call never waits past its [deadline](crate::deadline). If its turn
    /// certainly comes later, it is refused at once.
    ///
    /// ```
    /// use std::time::Duration;
    /// use sluicegate::{client::obey::ObeyLayer, limit::Wait};
    ///
    /// let layer = ObeyLayer::new().wait(Wait::up_to(Duration::from_secs(5)).queue(100));
    /// let layer = ObeyLayer::new().wait(Wait::none());
    /// # let _ = layer;
    /// ```
    pub fn wait(self, wait: impl Into<Wait>) -> Self {
        let wait = wait.into();
        self.with(|settings| settings.wait = wait)
    }

    /// Sets the longest pause that a server can cause. After it, one call finds
    /// out whether the server still refuses.
    ///
    /// # Panics
    ///
    /// Panics if it is zero.
    #[track_caller]
    pub fn cap(self, longest: Duration) -> Self {
        assert!(
            !longest.is_zero(),
            "invalid cap {longest:?}: must be more than 0"
        );
        // Longer ones are as good as none, and could not be added to a time.
        self.with(|settings| settings.cap = longest.min(MAX_DELAY))
    }

    /// Sets how long calls wait for the first response of a peer, which may
    /// tell a quota. Zero sends them at once.
    pub fn first_answer(self, longest: Duration) -> Self {
        self.with(|settings| settings.first_answer = longest)
    }

    /// Sets the number of peers. If all of them are in use, calls to another
    /// one are not limited; otherwise, the peer that was not called for the
    /// longest time is forgotten. The quotas known so far are forgotten, too.
    ///
    /// # Panics
    ///
    /// Panics if it is 0.
    #[track_caller]
    pub fn max_peers(mut self, max: usize) -> Self
    where
        K: Clone,
    {
        self.peers = Arc::new(self.peers.with_max(max));
        self
    }

    /// Turns shadow mode on or off: learn, decide and record, but send every
    /// call at once.
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
    /// default they get a response without a body.
    pub fn refuse_with<A2>(self, answer: A2) -> ObeyLayer<K, A2> {
        ObeyLayer {
            peers: self.peers,
            settings: self.settings,
            answer,
        }
    }

    fn with(mut self, set: impl FnOnce(&mut ObeySettings)) -> Self {
        // Clones the settings if a service or another layer has them.
        set(Arc::make_mut(&mut self.settings));
        self
    }
}

impl<S, K, A: Clone> Layer<S> for ObeyLayer<K, A> {
    type Service = Obey<S, K, A>;

    fn layer(&self, inner: S) -> Self::Service {
        let (peers, settings) = (self.peers.clone(), self.settings.clone());
        Obey::new(inner, peers, settings, self.answer.clone())
    }
}

impl<K: fmt::Debug, A: fmt::Debug> fmt::Debug for ObeyLayer<K, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObeyLayer")
            .field("key", self.peers.key())
            .field("settings", &self.settings)
            .field("answer", &self.answer)
            .finish()
    }
}
