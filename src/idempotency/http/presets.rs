//! The habits of others.

use http::{HeaderName, Method};

use super::layer::IdempotencyLayer;
use crate::{idempotency::key::KeyForm, refusal::Answer};

impl<S, W, Q, X, A> IdempotencyLayer<S, W, Q, X, A> {
    /// As draft-ietf-httpapi-idempotency-key-header-07 has it: the key is a string
    /// in double quotes, and means one request on whatever route. Which requests
    /// [need](Self::require_all) a key is for the service to say.
    pub fn ietf(self) -> Self {
        let form = KeyForm::new().strict();
        self.form(form).one_scope_for_all_routes()
    }
}

impl<S, W, Q, X> IdempotencyLayer<S, W, Q, X, Answer> {
    /// As clients of Stripe know it: only `POST` has keys, which are bare and mean
    /// one request on whatever route, one that is used for another is 400 instead
    /// of 422, and what is replayed says `Idempotent-Replayed`.
    pub fn stripe(self) -> Self {
        let answer = self.answer.reuse_as_bad_request();
        self.methods([Method::POST])
            .one_scope_for_all_routes()
            .replayed_header(HeaderName::from_static("idempotent-replayed"))
            .refuse_with(answer)
    }
}
