//! Credentials that change while the service runs. The login asks their
//! provider before each connection.
//!
//! A provider is application code, so it may fail, panic or hang. Each of these
//! fails the attempt to connect, and nothing else.

use std::{fmt, future::Future, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use redis::ConnectionInfo;
use tokio::time::timeout;

use crate::redis::error::Error;

/// A user and a password; see [`Builder::credentials`].
///
/// `Debug` shows the user, and never the password.
///
/// ```
/// use sluicegate::redis::Login;
///
/// let login = Login::new("limits", "secret");
/// assert!(!format!("{login:?}").contains("secret"));
/// ```
///
/// [`Builder::credentials`]: crate::redis::Builder::credentials
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// `None` for the default user.
    user: Option<String>,
    /// Never shown.
    password: String,
}

impl Login {
    /// The login of an ACL user.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        let user = Some(user.into());
        let password = password.into();
        Self { user, password }
    }

    /// The login of the default user.
    ///
    /// ```
    /// use sluicegate::redis::Login;
    ///
    /// // What `--requirepass` of the server sets.
    /// let login = Login::password("secret");
    /// ```
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

/// The application's function that returns the current credentials.
#[derive(Clone)]
pub(crate) struct Provider(Arc<GetLogin>);

/// Returns `None` if it fails. The error is dropped, because it may contain a
/// credential.
type GetLogin = dyn Fn() -> BoxFuture<'static, Option<Login>> + Send + Sync;

impl Provider {
    /// Wraps the application's function.
    pub(crate) fn new<F, L, E>(get: F) -> Self
    where
        F: Fn() -> L + Send + Sync + 'static,
        L: Future<Output = Result<Login, E>> + Send + 'static,
        E: 'static,
    {
        Self(Arc::new(move || get().map(Result::ok).boxed()))
    }

    /// Returns the address with the current credentials. The provider has to
    /// return them within `patience`, and may panic.
    pub(super) async fn add_login(
        &self,
        info: &ConnectionInfo,
        patience: Duration,
    ) -> Result<ConnectionInfo, Error> {
        // The block also catches a panic of the call that makes the future.
        let login = AssertUnwindSafe(async { (self.0)().await }).catch_unwind();
        let reason = match timeout(patience, login).await {
            Ok(Ok(Some(login))) => return Ok(with_login(info, login)),
            Ok(Ok(None)) => "the provider of credentials failed".to_owned(),
            Ok(Err(_)) => "the provider of credentials panicked".to_owned(),
            Err(_) => format!("the provider of credentials gave none within {patience:?}"),
        };
        Err(Error::unreachable(&info.addr().to_string(), reason))
    }
}

/// Returns the address with this login instead of its own.
fn with_login(info: &ConnectionInfo, Login { user, password }: Login) -> ConnectionInfo {
    let settings = info.redis_settings().clone().set_password(password);
    let settings = match user {
        Some(user) => settings.set_username(user),
        None => settings,
    };
    info.clone().set_redis_settings(settings)
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Provider")
    }
}
