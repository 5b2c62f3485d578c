//! Adds a body to a request's fingerprint, in the form that its content type
//! and the settings ask for.

use http::{HeaderValue, header::CONTENT_TYPE, request::Parts};

use super::{json::CanonicalJson, multipart};
use crate::{content::essence, idempotency::fingerprint::FingerprintBuilder};

/// How bodies are compared. Unless set, they are compared byte for byte.
#[derive(Clone, Debug, Default)]
pub(crate) struct BodyComparison {
    /// Compares bodies of JSON by their canonical form.
    pub(crate) json: Option<CanonicalJson>,
    /// Compares multipart bodies by their parts.
    pub(crate) multipart: bool,
}

impl BodyComparison {
    /// Adds a body to a fingerprint. A body that is not what its content type
    /// says is added byte for byte.
    pub(crate) fn add(
        &self,
        request: FingerprintBuilder,
        head: &Parts,
        body: Option<&[u8]>,
    ) -> FingerprintBuilder {
        let typed = body.zip(head.headers.get(CONTENT_TYPE));
        let parts = typed.and_then(|(body, content_type)| self.parts(content_type, body));
        match parts {
            Some(parts) => parts.iter().fold(request, FingerprintBuilder::part),
            None => request.optional(body),
        }
    }

    /// Returns the parts that count, behind the name of their form; `None` if
    /// the body counts byte for byte.
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

/// Returns whether a type is `application/json` or ends with `+json`.
fn is_json(content_type: &HeaderValue) -> bool {
    let essence = essence(content_type).to_ascii_lowercase();
    essence == b"application/json" || essence.ends_with(b"+json")
}
