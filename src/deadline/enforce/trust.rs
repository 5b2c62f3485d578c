//! How far requests are believed about their timeouts.

use std::time::Duration;

use http::Request;

/// How far a request is believed about the time that its caller waits.
///
/// With a default timeout of 10 s and a maximum of 60 s:
///
/// | the request asks for | `Never` | `LowerOnly` | `Full` |
/// |---|---|---|---|
/// | nothing | 10 s | 10 s | 10 s |
/// | 2 s | 10 s | 2 s | 2 s |
/// | 30 s | 10 s | 10 s | 30 s |
/// | 5 min | 10 s | 10 s | 60 s |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Trust {
    /// Not at all: the default timeout counts.
    Never,
    /// It may lower the default timeout, but not raise it. This is the default,
    /// and right for clients that are not trusted.
    ///
    /// A short timeout ends only its own request, with a response. A proxy may
    /// still count many responses of 504 against the server and take it out of
    /// service. If its other clients must be safe from that, remove such
    /// headers at the proxy, or answer with another status by
    /// [`refuse_with`](super::EnforceDeadlineLayer::refuse_with).
    #[default]
    LowerOnly,
    /// It counts instead of the default timeout, up to the maximum.
    Full,
}

/// Which requests to trust. Implemented for [`Trust`], which is the same for all,
/// and for closures that look at the request.
pub trait TrustPolicy<B> {
    /// Returns how far this request is believed.
    fn trust(&self, req: &Request<B>) -> Trust;
}

impl<B> TrustPolicy<B> for Trust {
    #[inline]
    fn trust(&self, _req: &Request<B>) -> Trust {
        *self
    }
}

impl<B, F: Fn(&Request<B>) -> Trust> TrustPolicy<B> for F {
    fn trust(&self, req: &Request<B>) -> Trust {
        self(req)
    }
}

impl Trust {
    /// Returns the timeout that is granted to a request, and whether it is less
    /// than the request asked for.
    #[inline]
    pub(super) fn grant(
        self,
        asked: Duration,
        default: Option<Duration>,
        maximum: Option<Duration>,
    ) -> (Duration, bool) {
        let most = match self {
            Self::Full => None,
            Self::Never | Self::LowerOnly => default,
        };
        let granted = [most, maximum]
            .into_iter()
            .flatten()
            .fold(asked, Duration::min);
        (granted, granted < asked)
    }
}
