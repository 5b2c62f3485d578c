//! The task of one instance. It runs in the background, so that it does not
//! depend on the runtime of the requests, and ends once the limiter is gone.

use std::sync::{Arc, Weak};

use tokio::time::sleep;

use super::{
    adaptive_fleet::AdaptiveFleet,
    counts::FleetCall,
    script::{Answer, InstanceReport, MemberCall, run},
};
use crate::{
    concurrency::{
        adaptive::{Algorithm, Learner},
        gate::Gate,
    },
    random,
    redis::Error,
    runtime::background,
};

/// One instance of a fleet.
struct Membership {
    fleet: AdaptiveFleet,
    id: String,
    calls: u64,
    /// The bound of the last answer.
    bound: Option<u32>,
    /// Whether the last call failed.
    is_lost: bool,
}

/// Starts to tell the fleet of this limit, for as long as its gate is there.
pub(in crate::concurrency) fn join<A: Algorithm>(
    fleet: AdaptiveFleet,
    learner: &Arc<Learner<A>>,
    gate: &Arc<Gate>,
) {
    let membership = Membership {
        id: format!("{:032x}", u128::from_ne_bytes(random::bytes())),
        fleet,
        calls: 0,
        bound: None,
        is_lost: false,
    };
    let (learner, gate) = (Arc::downgrade(learner), Arc::downgrade(gate));
    background().spawn(keep_telling(membership, learner, gate));
}

async fn keep_telling<A: Algorithm>(
    mut membership: Membership,
    learner: Weak<Learner<A>>,
    gate: Weak<Gate>,
) {
    // The limiter is not kept alive while the call is under way.
    let both = || Some((learner.upgrade()?, gate.upgrade()?));
    while let Some(report) = both().map(|(learner, gate)| learner.report(&gate)) {
        let answer = membership.tell(report).await;
        if let (Some(answer), Some((learner, gate))) = (answer, both())
            && learner.join(&gate, answer.median_limit, answer.bound)
        {
            membership.fleet.count(FleetCall::WarmStarted);
        }
        sleep(random::jittered(membership.fleet.every)).await;
    }
    membership.leave().await;
}

impl Membership {
    /// Tells the fleet what this instance does. Returns the answer, if there is
    /// one.
    async fn tell(&mut self, report: InstanceReport) -> Option<Answer> {
        let held = self.bound;
        let call = self.caller().report(report, held);
        match run(&self.fleet, call).await {
            Ok(answer) => {
                self.fleet.learn(answer);
                (self.bound, self.is_lost) = (answer.bound, false);
                Some(answer)
            }
            Err(error) => {
                self.failed(&error);
                None
            }
        }
    }

    fn failed(&mut self, error: &Error) {
        self.fleet.count(FleetCall::Failed);
        if !self.is_lost {
            self.is_lost = true;
            let key = &*self.fleet.key;
            tracing::warn!(
                target: "sluicegate::concurrency",
                key,
                error = error as &dyn std::error::Error,
                "the limits of the fleet are not known; this one moves by its own durations",
            );
        }
    }

    /// Tells that this instance ends. If that fails, it is forgotten later.
    async fn leave(&mut self) {
        let call = self.caller().leave();
        let _ = run(&self.fleet, call).await;
    }

    /// Numbers the next call.
    fn caller(&mut self) -> MemberCall<'_> {
        self.calls += 1;
        MemberCall {
            fleet: &self.fleet,
            id: &self.id,
            number: self.calls,
        }
    }
}
