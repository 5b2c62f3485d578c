//! What makes two requests the same.

use std::{fmt, sync::Arc};

use http::{HeaderValue, header::CONTENT_TYPE, request::Parts};

use super::{json::CanonicalJson, multipart};
use crate::content::essence;
use crate::idempotency::fingerprint::{Fingerprint, FingerprintBuilder};

/// How bodies are compared, and whether the user compares requests altogether.
#[derive(Clone, Default)]
pub(crate) struct Comparing {
    pub(crate) own: Option<Own>,
    pub(crate) json: Option<CanonicalJson>,
    pub(crate) multipart: bool,
}

/// A fingerprint of the user's own.
#[derive(Clone)]
pub(crate) struct Own(pub(crate) Arc<MakeFingerprint>);

type MakeFingerprint = dyn Fn(&Parts, &[u8]) -> Fingerprint + Send + Sync;

impl Comparing {
    /// Adds a body, as far as it counts. A body that is not what its content type says
    /// counts byte for byte.
    pub(crate) fn body(
        &self,
        request: FingerprintBuilder,
        head: &Parts,
        body: Option<&[u8]>,
    ) -> FingerprintBuilder {
        let parts = body.zip(head.headers.get(CONTENT_TYPE));
        let parts = parts.and_then(|(body, content_type)| self.parts(content_type, body));
        match parts {
            Some(parts) => parts.iter().fold(request, FingerprintBuilder::part),
            None => request.optional(body),
        }
    }

    /// The parts of a body that is compared by them, behind a name of its form.
    fn parts(&self, content_type: &HeaderValue, body: &[u8]) -> Option<Vec<Vec<u8>>> {
        if let Some(json) = self.json.as_ref().filter(|_| is_json(content_type)) {
            return Some(vec![b"canonical json".into(), json.canonical(body)?]);
        }
        if !self.multipart {
            return None;
        }
        let mut parts = multipart::parts(content_type, body)?;
        parts.insert(0, b"multipart".into());
        Some(parts)
    }
}

/// `application/json`, and what ends with `+json`.
fn is_json(content_type: &HeaderValue) -> bool {
    let essence = essence(content_type).to_ascii_lowercase();
    essence == b"application/json" || essence.ends_with(b"+json")
}

impl fmt::Debug for Comparing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Comparing")
            .field("own", &self.own.is_some())
            .field("json", &self.json)
            .field("multipart", &self.multipart)
            .finish()
    }
}
