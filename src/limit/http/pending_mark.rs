//! A mark for a response that is not there yet. The futures of the layer keep it.

use std::sync::Arc;

use super::{
    admission::LimitAdmission,
    mark::{KeptMark, Mark},
};
use crate::{limit::limiter::Backend, refusal::Refuse};

/// A mark, and the layer's answer, which writes it.
pub(super) struct PendingMark<L, K, C, X, A> {
    mark: KeptMark,
    admission: Arc<LimitAdmission<L, K, C, X, A>>,
}

impl<L: Backend, K, C, X, A> PendingMark<L, K, C, X, A> {
    /// Returns `None` if the response stays as it is.
    #[inline(always)]
    pub(super) fn new(mark: Mark, admission: &Arc<LimitAdmission<L, K, C, X, A>>) -> Option<Self> {
        let mark = mark.kept()?;
        let admission = admission.clone();
        Some(Self { mark, admission })
    }

    /// Marks the response.
    pub(super) fn write<Req, Res, Err>(&self, res: &mut Res)
    where
        A: Refuse<Req, Res, Err>,
    {
        let LimitAdmission {
            answer, limiter, ..
        } = &*self.admission;
        self.mark.write(answer, limiter.only_name(), res);
    }
}
