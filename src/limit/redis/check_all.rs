//! Several buckets in one call, each under a rule of its own: all are charged,
//! or none.
//!
//! The script returns the state in which it found each bucket, as it does for a
//! batch, and each rule makes its decision of it. Twin of `lua/all.lua`.

use std::sync::{Arc, LazyLock};

use redis::{Cmd, Value};
use tokio::{runtime::Handle, sync::oneshot};

use super::call::{
    batch::begin_reply,
    pending::PendingCall,
    request::{BucketReply, BucketResult},
};
use crate::{
    clock::Tick,
    limit::{
        hold::Holding,
        reservation::GuardedDecision,
        rules::{
            quota::Cost,
            script::{Operation, ReplyReader, ledger},
        },
    },
    redis::{Connection, Error, ErrorKind, Script},
};

static SCRIPT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("../../../lua/clock.lua"),
        include_str!("../../../lua/prelude.lua"),
        include_str!("../../../lua/rules.lua"),
        include_str!("../../../lua/gcra.lua"),
        include_str!("../../../lua/window.lua"),
        "function add_rest()\n",
        include_str!("../../../lua/refund.lua"),
        include_str!("../../../lua/lease.lua"),
        include_str!("../../../lua/new_quota.lua"),
        include_str!("../../../lua/hold.lua"),
        ledger!(),
        "end\n",
        include_str!("../../../lua/log.lua"),
        include_str!("../../../lua/token_bucket.lua"),
        include_str!("../../../lua/leaky_bucket.lua"),
        include_str!("../../../lua/fixed_window.lua"),
        include_str!("../../../lua/sliding_window.lua"),
        include_str!("../../../lua/sliding_log.lua"),
        include_str!("../../../lua/all.lua"),
    ))
});

/// A request about one bucket, of any rule and policy, which can be sent in one
/// call with those about others.
pub(crate) trait AllRequest: Send + Sync {
    /// The connection by which it is sent.
    fn connection(&self) -> &Connection;

    /// Its part of a call: the terms of the rule, the name of the bucket in
    /// Redis, and the operation.
    fn part(&self) -> (&str, &[u8], Operation);

    /// Sends it in a call of its own.
    fn send_alone(&self) -> PendingCall;

    /// Counts that it is sent with others.
    fn count(&self);

    /// Reads what the script found, and decides.
    fn read_reply(&self, now: Tick, numbers: &mut ReplyReader<'_>) -> BucketResult;

    /// Returns the decision, of Redis or else of the policy, and what was
    /// charged for it. `charged` says whether the script charged all that it
    /// could read.
    fn settle(&self, reply: BucketResult, charged: bool) -> Result<GuardedDecision, Error>;

    /// Returns the hold of a reply to a request that holds, or of the policy.
    fn hold(&self, reply: BucketResult) -> Holding<Error>;

    /// Returns the operation that puts the real cost in place of a charge that
    /// the script holds. One that it does not hold is settled here.
    fn settlement(&self, reply: &BucketReply, actual: Cost) -> Option<Operation>;

    /// Reads the reply to a settlement.
    fn read_settlement(&self, operation: Operation, now: Tick, numbers: &mut ReplyReader<'_>);
}

/// Requests, each with the index of its member.
pub(in crate::limit) type AllRequests = Vec<(usize, Box<dyn AllRequest>)>;

/// Splits requests into groups, each of which can be sent in one call, in
/// order.
pub(in crate::limit) fn group_by_call(requests: AllRequests) -> Vec<AllRequests> {
    let mut groups: Vec<AllRequests> = Vec::new();
    for (member, request) in requests {
        let fits = |group: &&mut AllRequests| {
            let mut others = group.iter().map(|(_, other)| other);
            others.all(|other| share_a_call(&**other, &*request))
        };
        match groups.iter_mut().find(fits) {
            Some(group) => group.push((member, request)),
            None => groups.push(vec![(member, request)]),
        }
    }
    groups
}

/// One bucket under two rules needs two calls, or one charge would be lost. In
/// a cluster no two buckets share a slot, and so none share a call.
fn share_a_call(one: &dyn AllRequest, other: &dyn AllRequest) -> bool {
    let connection = one.connection();
    connection.is(other.connection()) && !connection.is_cluster() && one.part().1 != other.part().1
}

/// Sends one group, in a task of its own: what it charges is given back if the
/// caller has gone when the reply comes.
pub(in crate::limit) async fn reserve_group(
    group: AllRequests,
) -> Result<Vec<(usize, GuardedDecision)>, Error> {
    let group = Arc::new(group);
    let lost = |group: &AllRequests| settle(group, vec![Err(Error::no_runtime()); group.len()]);
    let Ok(runtime) = Handle::try_current() else {
        return lost(&group);
    };
    let (tell, told) = oneshot::channel();
    let sent = Arc::clone(&group);
    runtime.spawn(async move {
        let replies = replies(&sent).await;
        // If the caller has gone, the value is dropped here, and so rolled
        // back.
        let _ = tell.send(settle(&sent, replies));
    });
    told.await.unwrap_or_else(|_| lost(&group))
}

/// Sends the group, and returns one result for each request. A group of one
/// goes the way of a single check, and may share a call with other checks.
async fn replies(group: &AllRequests) -> Vec<BucketResult> {
    if let [(_, alone)] = &group[..] {
        return vec![alone.send_alone().await];
    }
    let replies = send_together(group).await;
    replies.unwrap_or_else(|error| vec![Err(error); group.len()])
}

/// Makes the decisions of the replies.
///
/// All buckets that could be read were charged, or none. If the policy of one
/// member refuses, all others are settled even so, and dropped with the result,
/// which gives back what they hold.
fn settle(
    group: &AllRequests,
    replies: Vec<BucketResult>,
) -> Result<Vec<(usize, GuardedDecision)>, Error> {
    let mut read = replies.iter().flatten();
    let charged = read.all(|reply| reply.decision.is_admitted());
    let settled = group.iter().zip(replies);
    let settled: Vec<_> = settled
        .map(|((member, request), reply)| Ok((*member, request.settle(reply, charged)?)))
        .collect();
    settled.into_iter().collect()
}

/// Sends operations on the buckets of requests in one call.
pub(super) async fn call_together(
    requests: &[(&dyn AllRequest, Operation)],
) -> Result<Value, Error> {
    let connection = requests[0].0.connection();
    if let Some(error) = connection.rejection() {
        return Err(error);
    }
    requests.iter().for_each(|(request, _)| request.count());
    let parts = requests.iter().map(|(request, operation)| {
        let (terms, key, _) = request.part();
        (terms, key, *operation)
    });
    connection.run(&SCRIPT, check_all(None, parts)).await
}

/// Sends a group in one call. An error in the list is a bucket that cannot be
/// read.
pub(super) async fn send_together(group: &AllRequests) -> Result<Vec<BucketResult>, Error> {
    let own = |request: &dyn AllRequest| request.part().2;
    let requests: Vec<_> = group.iter().map(|(_, it)| (&**it, own(&**it))).collect();
    let reply = call_together(&requests).await?;
    let (now, mut numbers) = begin_reply(&reply)?;
    let mut replies = Vec::with_capacity(group.len());
    for (_, request) in group {
        match request.read_reply(now, &mut numbers) {
            Err(error) if error.kind() != ErrorKind::Unreadable => return Err(error),
            reply => replies.push(reply),
        }
    }
    Ok(replies)
}

/// The call of the script for buckets, each with the terms of its rule and one
/// operation that decides, at the server's instant or at `now`.
#[cfg_attr(not(any(test, feature = "testing")), allow(unreachable_pub))]
pub fn check_all<'a>(
    now: Option<Tick>,
    parts: impl ExactSizeIterator<Item = (&'a str, &'a [u8], Operation)> + Clone,
) -> Cmd {
    let mut call = SCRIPT.call_at(parts.clone().map(|(_, key, _)| key), now);
    for (terms, _, operation) in parts {
        operation.write_arg(call.arg(terms));
    }
    call
}

/// The same for a server that does not know the script.
#[cfg(any(test, feature = "testing"))]
pub fn check_all_with_source(call: &Cmd) -> Cmd {
    SCRIPT.call_with_source(call)
}
