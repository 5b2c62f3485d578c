//! Bodies that are cloned for each attempt.

use http_body::Body;

use super::repeatable::BodySource;

/// The source of a body that is cloned for each attempt.
#[derive(Clone, Debug)]
pub struct CloneSource<B>(B);

impl<B: Body + Clone> CloneSource<B> {
    /// Splits a body that can be cloned. Returns no source if the body says that
    /// it has more than `max_bytes`.
    pub fn split(body: B, max_bytes: usize) -> (B, Option<Self>) {
        let most = u64::try_from(max_bytes).unwrap_or(u64::MAX);
        let fits = body.size_hint().lower() <= most;
        let source = fits.then(|| Self(body.clone()));
        (body, source)
    }
}

impl<B: Body + Clone> BodySource<B> for CloneSource<B> {
    fn next(&mut self) -> Option<B> {
        Some(self.0.clone())
    }

    fn is_read(&self) -> bool {
        // It is in memory as a whole, so no caller writes it while it is sent.
        true
    }
}
