//! Credentials that change.

use std::{fmt, future::Future, panic::AssertUnwindSafe, sync::Arc};

use futures_util::{FutureExt, future::BoxFuture};
use redis::ConnectionInfo;
use tokio::time::timeout;

use super::{error::Error, settings::Settings};

/// What it takes to log in; see [`Builder::credentials`](super::Builder::credentials).
///
/// `Debug` shows the user, and never the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    user: Option<String>,
    password: String,
}

impl Login {
    /// An ACL user and its password.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        let user = Some(user.into());
        let password = password.into();
        Self { user, password }
    }

    /// The password of the default user.
    pub fn password(password: impl Into<String>) -> Self {
        let password = password.into();
        Self {
            user: None,
            password,
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// Asked before each login.
#[derive(Clone)]
pub(super) struct Provider(Arc<Ask>);

/// `None` if there are no credentials. Why is not kept: it might be one of them.
type Ask = dyn Fn() -> BoxFuture<'static, Option<Login>> + Send + Sync;

impl Provider {
    pub(super) fn new<F, L, E>(ask: F) -> Self
    where
        F: Fn() -> L + Send + Sync + 'static,
        L: Future<Output = Result<Login, E>> + Send + 'static,
        E: 'static,
    {
        Self(Arc::new(move || ask().map(Result::ok).boxed()))
    }

    /// How to log in at this server now.
    pub(super) async fn login(
        &self,
        info: &ConnectionInfo,
        settings: &Settings,
    ) -> Result<ConnectionInfo, Error> {
        let asked = AssertUnwindSafe(async { (self.0)().await }).catch_unwind();
        let patience = settings.patience();
        let why = match timeout(patience, asked).await {
            Ok(Ok(Some(login))) => return Ok(with(info, login)),
            Ok(Ok(None)) => "the provider of credentials failed".to_owned(),
            Ok(Err(_)) => "the provider of credentials panicked".to_owned(),
            Err(_) => format!("the provider of credentials gave none within {patience:?}"),
        };
        Err(Error::unreachable(&info.addr().to_string(), why))
    }
}

fn with(info: &ConnectionInfo, Login { user, password }: Login) -> ConnectionInfo {
    let talk = info.redis_settings().clone().set_password(password);
    let talk = match user {
        Some(user) => talk.set_username(user),
        None => talk,
    };
    info.clone().set_redis_settings(talk)
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Provider")
    }
}
