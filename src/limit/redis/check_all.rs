//! Several buckets in one call, each under a rule of its own: all are charged,
//! or none.
//!
//! The script tells the state in which it found each bucket, as it does for a
//! batch, and here each rule makes its decision of it.

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use redis::{Cmd, Value};
use tokio::{runtime::Handle, sync::oneshot};

use super::{check::Asking, queue::Reply};
use crate::{
    clock::Tick,
    limit::{
        all::Held,
        rules::script::{Operation, ReplyReader},
    },
    redis::{Connection, Error, ErrorKind, Script},
};

static SCRIPT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("../../../lua/prelude.lua"),
        include_str!("../../../lua/arrival.lua"),
        include_str!("../../../lua/window.lua"),
        include_str!("../../../lua/log.lua"),
        include_str!("../../../lua/token_bucket.lua"),
        include_str!("../../../lua/leaky_bucket.lua"),
        include_str!("../../../lua/fixed_window.lua"),
        include_str!("../../../lua/sliding_window.lua"),
        include_str!("../../../lua/sliding_log.lua"),
        include_str!("../../../lua/all.lua"),
    ))
});

/// A question about one bucket, which may be asked together with others.
pub(super) trait Question: Send + Sync {
    fn connection(&self) -> &Connection;

    /// The name of the bucket.
    fn key(&self) -> &[u8];

    /// What a call has to say of it: the rule and its terms, and the entry.
    fn asked(&self) -> (&[String], Operation);

    /// Asks it alone.
    fn ask(&self) -> Asking;

    /// It goes into a call with others.
    fn count(&self);

    /// Reads what the script found, and decides.
    fn read(&self, now: Tick, numbers: &mut ReplyReader<'_>) -> Reply;

    /// The decision, and what was charged for it; or else what the policy says.
    fn settle(&self, reply: Reply, charged: bool) -> Result<Held, Error>;
}

/// A question that is still to be asked, of any rule and policy.
pub struct Query(pub(super) Box<dyn Question>);

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Query")
    }
}

/// Questions, each with its place among the parts.
pub(in crate::limit) type Queries = Vec<(usize, Query)>;

/// Those that can ride in one call, in order. In a cluster none can: no two
/// buckets share a slot.
pub(in crate::limit) fn groups(queries: Queries) -> Vec<Queries> {
    let mut groups: Vec<Queries> = Vec::new();
    for (part, query) in queries {
        let fits = |group: &&mut Queries| {
            let mut others = group.iter().map(|(_, other)| other);
            others.all(|other| rides_with(&*other.0, &*query.0))
        };
        match groups.iter_mut().find(fits) {
            Some(group) => group.push((part, query)),
            None => groups.push(vec![(part, query)]),
        }
    }
    groups
}

/// One bucket under two rules is two calls, or one charge would be lost.
fn rides_with(one: &dyn Question, other: &dyn Question) -> bool {
    let connection = one.connection();
    connection.is(other.connection()) && !connection.is_cluster() && one.key() != other.key()
}

/// Asks one group, in a task of its own: what it charges is given back if
/// nobody is there any more when the answer comes.
pub(in crate::limit) async fn ask(group: Queries) -> Result<Vec<(usize, Held)>, Error> {
    let group = Arc::new(group);
    let lost = |group: &Queries| settle(group, vec![Err(Error::no_runtime()); group.len()]);
    let Ok(runtime) = Handle::try_current() else {
        return lost(&group);
    };
    let (tell, told) = oneshot::channel();
    let asked = Arc::clone(&group);
    runtime.spawn(async move {
        let replies = replies(&asked).await;
        // Dropped if it cannot be told, and so given back.
        let _ = tell.send(settle(&asked, replies));
    });
    told.await.unwrap_or_else(|_| lost(&group))
}

async fn replies(group: &Queries) -> Vec<Reply> {
    if let [(_, alone)] = &group[..] {
        return vec![alone.0.ask().await];
    }
    let replies = call(group).await;
    replies.unwrap_or_else(|error| vec![Err(error); group.len()])
}

/// What comes of the replies. All that were answered have charged, or none: what
/// cannot be read has no say. So if the policy of one refuses, all others are
/// settled even so, and what they hold is given back.
fn settle(group: &Queries, replies: Vec<Reply>) -> Result<Vec<(usize, Held)>, Error> {
    let mut answers = replies.iter().flatten();
    let charged = answers.all(|answer| answer.decision.is_admitted());
    let settled = group.iter().zip(replies);
    let settled: Vec<_> = settled
        .map(|((part, query), reply)| Ok((*part, query.0.settle(reply, charged)?)))
        .collect();
    settled.into_iter().collect()
}

/// The answers of a call for all of them; an error of one is a state that cannot
/// be read.
async fn call(group: &Queries) -> Result<Vec<Reply>, Error> {
    let first = &group[0].1.0;
    if let Some(error) = first.connection().rejection() {
        return Err(error);
    }
    group.iter().for_each(|(_, query)| query.0.count());
    let asked = group.iter().map(|(_, query)| {
        let (head, entry) = query.0.asked();
        (head, query.0.key(), entry)
    });
    let reply = first
        .connection()
        .run(&SCRIPT, together(None, asked))
        .await?;
    let Value::Array(reply) = &reply else {
        return Err(Error::reply("an array"));
    };
    let mut numbers = ReplyReader::of(reply);
    let now = numbers.take();
    let now = now.ok_or_else(|| Error::reply("more numbers"))?;
    let mut replies = Vec::with_capacity(group.len());
    for (_, query) in group {
        let reply = query.0.read(now, &mut numbers);
        match reply {
            Err(error) if error.kind() != ErrorKind::Unreadable => return Err(error),
            reply => replies.push(reply),
        }
    }
    Ok(replies)
}

/// The call of the script for buckets, each with what begins a call of its rule
/// and one entry that decides, at the server's instant or at one that is given.
#[cfg_attr(not(any(test, feature = "testing")), allow(unreachable_pub))]
pub fn together<'a>(
    now: Option<Tick>,
    asked: impl ExactSizeIterator<Item = (&'a [String], &'a [u8], Operation)> + Clone,
) -> Cmd {
    let mut call = SCRIPT.call(asked.len());
    for (_, key, _) in asked.clone() {
        call.arg(key);
    }
    call.arg(now.map_or_else(String::new, |now| now.to_string()));
    for (head, _, entry) in asked {
        call.arg(head).arg(entry.arg());
    }
    call
}

/// The same for a server that does not know the script.
#[cfg(any(test, feature = "testing"))]
pub fn together_with_source(call: &Cmd) -> Cmd {
    SCRIPT.call_with_source(call)
}
