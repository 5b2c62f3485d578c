//! Whose word counts for how long there is time.

use std::time::Duration;

use http::Request;

/// How far a request is believed that says how long its caller waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Trust {
    /// Not at all: the default timeout counts.
    Never,
    /// It may lower the default timeout, and not raise it: for untrusted edges, and
    /// the default.
    ///
    /// A short timeout ends its own request alone, with an answer. A proxy may
    /// still count many answers of 504 against the server, and take it for broken:
    /// where its other clients have to be safe from that, have it take such headers
    /// off, or answer with another status by
    /// [`refuse_with`](crate::deadline::EnforceDeadlineLayer::refuse_with).
    #[default]
    LowerOnly,
    /// It counts instead of the default timeout, up to the maximum.
    Full,
}

/// Whom to believe: a [`Trust`] for all, or a closure that looks at the request.
pub trait Trusts<B> {
    /// How far this request is believed.
    fn trust(&self, req: &Request<B>) -> Trust;
}

impl<B> Trusts<B> for Trust {
    #[inline]
    fn trust(&self, _req: &Request<B>) -> Trust {
        *self
    }
}

impl<B, F: Fn(&Request<B>) -> Trust> Trusts<B> for F {
    fn trust(&self, req: &Request<B>) -> Trust {
        self(req)
    }
}

impl Trust {
    /// What is granted of the time that was asked for, and whether that is less.
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
