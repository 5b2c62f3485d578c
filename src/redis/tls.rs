//! Encrypted connections.

use std::fmt;

use redis::{Client, ClientTlsConfig, ConnectionInfo, TlsCertificates};
use rustls::crypto::{CryptoProvider, ring};

use super::{error::Error, server::shown};

pub(super) const ENABLED: bool = true;

/// Certificates for `rediss://` addresses, where those of the system will not do.
///
/// ```no_run
/// # fn build() -> Result<(), Box<dyn std::error::Error>> {
/// use sluicegate::redis::{Connection, Tls};
///
/// let tls = Tls::new().root(std::fs::read("ca.pem")?);
/// let redis = Connection::builder("rediss://cache.internal").tls(tls).lazy()?;
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
pub struct Tls {
    root: Option<Vec<u8>>,
    client: Option<ClientTlsConfig>,
}

impl Tls {
    /// The authorities that the system trusts, and no certificate for the client.
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts these authorities (PEM, one or more certificates) instead of
    /// those that the system trusts.
    #[must_use]
    pub fn root(self, pem: impl Into<Vec<u8>>) -> Self {
        let root = Some(pem.into());
        Self { root, ..self }
    }

    /// Shows the server this certificate (PEM, with those between it and its
    /// authority), whose key this is (PEM).
    #[must_use]
    pub fn client(self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        let client = Some(ClientTlsConfig {
            client_cert: certificate.into(),
            client_key: key.into(),
        });
        Self { client, ..self }
    }

    pub(super) fn secure(&self, url: &str, info: ConnectionInfo) -> Result<ConnectionInfo, Error> {
        provide();
        if self.root.is_none() && self.client.is_none() {
            return Ok(info);
        }
        let refused = |why: &str| {
            let allowed = format!("certificates and keys as PEM ({why})");
            Error::config(
                "tls",
                format_args!("the connection to {}", shown(url)),
                allowed,
            )
        };
        let root = self.root.as_deref();
        if root.is_some_and(|pem| !holds_certificate(pem)) {
            return Err(refused("there is no certificate in the root's"));
        }
        let certificates = TlsCertificates {
            client_tls: self.client.clone(),
            root_cert: self.root.clone(),
        };
        let client = Client::build_with_tls(info, certificates)
            .map_err(|_| refused("they cannot be read"))?;
        Ok(client.get_connection_info().clone())
    }
}

/// rustls panics where two sources of cryptography are compiled in and the
/// application chose none; a choice that it made is kept.
fn provide() {
    if CryptoProvider::get_default().is_none() {
        // Err: somebody else was faster, and that one will do.
        let _ = ring::default_provider().install_default();
    }
}

fn holds_certificate(pem: &[u8]) -> bool {
    let begin = b"-----BEGIN CERTIFICATE-----";
    pem.windows(begin.len()).any(|part| part == begin)
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("root", &self.root.is_some())
            .field("client", &self.client.is_some())
            .finish()
    }
}
