//! Holds that Redis did not make.

use crate::{
    limit::{
        hold::{Hold, HoldError, Holding},
        redis::{failure_policy::Policy, limiter::Redis},
        reservation::CheckRequest,
        rules::{quota::Cost, script::Scripted},
    },
    redis::Error,
};

impl<R: Scripted, P: Policy> Redis<R, P> {
    /// Lets the policy hold, because Redis did not.
    pub(super) async fn hold_by_policy(
        self,
        ticket: u64,
        request: CheckRequest,
        error: Error,
    ) -> Result<Hold, HoldError<P::Error>> {
        let holding = {
            let error = self.client().report_fallback(error);
            let unseen = || Holding::now(self.hold_nothing(request.cost));
            self.policy
                .fall_back(error, unseen, |local| local.hold(ticket, request))
        };
        match holding.map_err(HoldError::Limiter)?.await {
            Ok(hold) => Ok(hold),
            Err(HoldError::Denied(denial)) => Err(HoldError::Denied(denial)),
        }
    }

    /// A hold as of a bucket never seen, which charges nothing.
    fn hold_nothing(&self, estimate: Cost) -> Result<Hold, HoldError> {
        let decision = self.client().unseen(estimate);
        match decision.is_admitted() {
            true => Ok(Hold::new(decision, estimate, |_| ())),
            false => Err(HoldError::Denied(decision)),
        }
    }
}
