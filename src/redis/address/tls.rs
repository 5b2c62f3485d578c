//! Certificates of encrypted connections. Without the feature `redis-tls` the
//! type is there, but has nothing to set.

use std::fmt;

use redis::ConnectionInfo;
#[cfg(feature = "redis-tls")]
use redis::{Client, ClientTlsConfig, TlsCertificates};
#[cfg(feature = "redis-tls")]
use rustls::crypto::{CryptoProvider, ring};

#[cfg(feature = "redis-tls")]
use super::redact::redacted;
use crate::redis::error::Error;

/// Certificates for `rediss://` addresses, instead of those of the system.
///
#[cfg_attr(feature = "redis-tls", doc = "```no_run")]
#[cfg_attr(not(feature = "redis-tls"), doc = "```ignore")]
/// # fn build() -> Result<(), Box<dyn std::error::Error>> {
/// use sluicegate::redis::{Connection, Tls};
///
/// let tls = Tls::new().root(std::fs::read("ca.pem")?);
/// let redis = Connection::builder("rediss://cache.internal").tls(tls).lazy()?;
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
#[cfg_attr(
    not(feature = "redis-tls"),
    allow(unreachable_pub, reason = "public with the feature, empty without it")
)]
pub struct Tls {
    /// The trusted authorities, in PEM.
    #[cfg(feature = "redis-tls")]
    root: Option<Vec<u8>>,
    /// The client's certificate and key, in PEM.
    #[cfg(feature = "redis-tls")]
    client: Option<ClientTlsConfig>,
}

#[cfg(feature = "redis-tls")]
impl Tls {
    /// Trusts the authorities of the system, and shows no client certificate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts these authorities (PEM, one or more certificates) instead of
    /// those of the system.
    #[must_use]
    pub fn root(self, pem: impl Into<Vec<u8>>) -> Self {
        let root = Some(pem.into());
        Self { root, ..self }
    }

    /// Shows the server this client certificate (PEM, with the intermediate
    /// ones) and proves it with this key (PEM).
    ///
    /// ```no_run
    /// # fn build() -> Result<(), Box<dyn std::error::Error>> {
    /// use sluicegate::redis::Tls;
    ///
    /// let tls = Tls::new().client(std::fs::read("client.pem")?, std::fs::read("client.key")?);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn client(self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        let client = Some(ClientTlsConfig {
            client_cert: certificate.into(),
            client_key: key.into(),
        });
        Self { client, ..self }
    }

    /// Adds the certificates to an encrypted address. Fails if they are not
    /// PEM.
    pub(crate) fn secure(&self, url: &str, info: ConnectionInfo) -> Result<ConnectionInfo, Error> {
        choose_crypto_provider();
        if self.root.is_none() && self.client.is_none() {
            return Ok(info);
        }
        let invalid = |why: &str| {
            let value = format_args!("for {}", redacted(url));
            let allowed = format!("certificates and keys in PEM ({why})");
            Error::config("tls", value, allowed)
        };
        let root = self.root.as_deref();
        if root.is_some_and(|pem| !holds_certificate(pem)) {
            return Err(invalid("`root` contains no certificate"));
        }
        let certificates = TlsCertificates {
            client_tls: self.client.clone(),
            root_cert: self.root.clone(),
        };
        let client = Client::build_with_tls(info, certificates)
            .map_err(|_| invalid("a certificate or key is malformed"))?;
        Ok(client.get_connection_info().clone())
    }
}

#[cfg(not(feature = "redis-tls"))]
impl Tls {
    /// Never called: without the feature, an encrypted address is an error.
    pub(crate) fn secure(&self, _: &str, info: ConnectionInfo) -> Result<ConnectionInfo, Error> {
        Ok(info)
    }
}

/// Installs a rustls provider, unless the application chose one. rustls panics
/// if two are compiled in and none is chosen.
#[cfg(feature = "redis-tls")]
fn choose_crypto_provider() {
    if CryptoProvider::get_default().is_none() {
        // An error means that another thread installed one first, which will
        // do.
        let _ = ring::default_provider().install_default();
    }
}

/// Whether PEM contains a certificate. rustls accepts a file without one and
/// then trusts nothing.
#[cfg(feature = "redis-tls")]
fn holds_certificate(pem: &[u8]) -> bool {
    let begin = b"-----BEGIN CERTIFICATE-----";
    pem.windows(begin.len()).any(|part| part == begin)
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tls = f.debug_struct("Tls");
        #[cfg(feature = "redis-tls")]
        tls.field("root", &self.root.is_some())
            .field("client", &self.client.is_some());
        tls.finish()
    }
}
