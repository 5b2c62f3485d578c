//! Holds in several buckets: charged by one call, all or none, and settled by
//! another.
//!
//! The members of an [`All`](crate::limit::All) that can share a call come
//! here; see `lua/all.lua`.

use std::sync::Arc;

use tokio::{runtime::Handle, sync::oneshot};

use crate::{
    limit::{
        all::longer_denial,
        decision::Decision,
        hold::{GiveBack, Held, HeldCharge, Hold, HoldError},
        redis::{
            call::batch::begin_reply,
            call::request::{BucketReply, BucketResult},
            check_all::{AllRequests, call_together, send_together},
        },
        rules::{
            quota::Cost,
            script::{Operation, ReplyReader},
        },
    },
    redis::Error,
    runtime::background,
};

/// Requests that share a call.
struct HoldGroup {
    requests: AllRequests,
    /// How many times each of their buckets is charged.
    times: Vec<u64>,
}

/// A group that is held. Dropped, it gives everything back.
pub(in crate::limit) struct HeldGroup {
    /// By the index of the members.
    pub(in crate::limit) decisions: Vec<(usize, Decision)>,
    pub(in crate::limit) hold: Hold<GiveBack>,
}

type HeldOrNot = Result<HeldGroup, HoldError<Error>>;

/// Sends a group of holds in a task of its own, because what it charges is given
/// back if the caller has gone when the reply comes.
pub(in crate::limit) async fn hold_group(requests: AllRequests, times: Vec<u64>) -> HeldOrNot {
    let group = Arc::new(HoldGroup { requests, times });
    let Ok(runtime) = Handle::try_current() else {
        return group.hold(Err(Error::no_runtime())).await;
    };
    let (tell, told) = oneshot::channel();
    let sent = Arc::clone(&group);
    runtime.spawn(async move {
        let replies = send_together(&sent.requests).await;
        let _ = tell.send(sent.hold(replies).await);
    });
    match told.await {
        Ok(held) => held,
        Err(_) => group.hold(Err(Error::no_runtime())).await,
    }
}

impl HoldGroup {
    /// Makes a hold of the replies.
    ///
    /// # Errors
    ///
    /// With the longest denial, or the error of a policy that refuses.
    async fn hold(self: &Arc<Self>, replies: Result<Vec<BucketResult>, Error>) -> HeldOrNot {
        let all = |error| vec![Err(error); self.requests.len()];
        let replies = replies.unwrap_or_else(all);
        if let Some(denial) = self.denial(&replies) {
            return Err(HoldError::Denied(denial));
        }
        let mut read = Vec::with_capacity(replies.len());
        for reply in &replies {
            match reply {
                Ok(reply) => read.push(*reply),
                Err(_) => return self.hold_each(replies).await,
            }
        }
        let members = self.requests.iter().zip(&read);
        let decisions = members.map(|((member, _), reply)| (*member, reply.decision));
        let decisions: Vec<_> = decisions.collect();
        let this = Arc::clone(self);
        let settle = HeldCharge::new(move |actual| this.settle(&read, actual));
        Ok(HeldGroup::new(decisions, Held::One(settle)))
    }

    fn denial(&self, replies: &[BucketResult]) -> Option<Decision> {
        let members = self.requests.iter().zip(replies);
        let denials = members.filter_map(|((member, _), reply)| {
            let decision = reply.as_ref().ok()?.decision;
            decision.is_denied().then(|| decision.by(*member))
        });
        denials.reduce(|longest, other| longer_denial(Some(longest), other))
    }

    /// Some buckets were not read: the policies of their limits hold, and the
    /// others are settled apart from them.
    async fn hold_each(&self, replies: Vec<BucketResult>) -> HeldOrNot {
        let members = self.requests.iter().zip(replies);
        // All of them first: dropped, each gives back what it holds.
        let holdings: Vec<_> = members
            .map(|((member, request), reply)| (*member, request.hold(reply)))
            .collect();
        let (mut decisions, mut holds) = (Vec::new(), Vec::new());
        for (member, holding) in holdings {
            let hold = holding.await.map_err(|error| match error {
                HoldError::Denied(denial) => HoldError::Denied(denial.by(member)),
                HoldError::Limiter(error) => HoldError::Limiter(error),
            })?;
            decisions.push((member, *hold.decision()));
            holds.push(hold.or_give_back());
        }
        let held = holds.into_iter().zip(&self.times);
        let held = held.filter_map(|(hold, times)| Some((*times, hold.into_held()?)));
        Ok(HeldGroup::new(decisions, Held::Several(held.collect())))
    }

    /// Settles all buckets by one call, whose reply no caller waits for. Those
    /// that the script does not keep are settled on their own.
    fn settle(self: &Arc<Self>, replies: &[BucketReply], actual: Cost) {
        let mut operations = Vec::with_capacity(replies.len());
        let members = self.requests.iter().zip(&self.times);
        for (place, ((_, request), times)) in members.enumerate() {
            let actual = actual.saturating_mul(*times);
            let operation = request.settlement(&replies[place], actual);
            operations.extend(operation.map(|operation| (place, operation)));
        }
        if operations.is_empty() {
            return;
        }
        let this = Arc::clone(self);
        let runtime = Handle::try_current().unwrap_or_else(|_| background());
        runtime.spawn(async move { this.send_settlement(&operations).await });
    }

    /// A settlement that is lost leaves the holds to the end of their terms.
    async fn send_settlement(&self, operations: &[(usize, Operation)]) {
        let requests: Vec<_> = operations
            .iter()
            .map(|(place, operation)| (&*self.requests[*place].1, *operation))
            .collect();
        let reply = call_together(&requests).await;
        let reply = reply.as_ref().map_err(Error::clone).and_then(begin_reply);
        // Also a settlement whose reply is lost makes the buckets fuller.
        let (now, mut numbers) = reply.unwrap_or_else(|_| (0, ReplyReader::of(&[])));
        for (request, operation) in requests {
            request.read_settlement(operation, now, &mut numbers);
        }
    }
}

impl HeldGroup {
    fn new(decisions: Vec<(usize, Decision)>, held: Held) -> Self {
        let decision = decisions.first().expect("a group has a member").1;
        // The estimate of the whole is that of its owner.
        let hold = Hold::of(decision, 0, held).or_give_back();
        Self { decisions, hold }
    }
}
