//! Many requests in one call of a script.
//!
//! The script returns the state in which it found each bucket, and how much it
//! took. [`replay`](super::replay) makes the decisions of it.
//! The [client](super::super::client) is the only caller.

use std::collections::HashMap;

use ahash::RandomState;
use redis::{Cmd, Value};

use super::{
    replay::{Denial, Grant, ReadBucket},
    request::{Bucket, BucketResult, Request},
};
use crate::{
    clock::Tick,
    limit::rules::script::{FirstCharge, Operation, ReplyReader, Scripted, batch},
    redis::Error,
};

/// Requests that share one call.
pub(crate) struct Batch {
    /// In the order in which they are answered.
    requests: Vec<Request>,
    /// For each request, the index of its run.
    run_of: Vec<usize>,
    /// In the order in which they are sent.
    runs: Vec<Run>,
    /// The position of a check whose first charge the script may make without
    /// the rule; `None` if two runs are about one bucket, for then their order
    /// counts.
    first: Option<usize>,
}

/// The same request about one bucket, once or several times in a row.
struct Run {
    /// The index of the first of them.
    first: usize,
    /// How many requests the run stands for.
    times: u64,
}

/// A fact in a reply that concerns the client itself, beside the callers.
pub(crate) enum Notice<'a, S> {
    Denied(Denial<'a, S>),
    Granted(Grant<'a, S>),
    /// A request found that the state of this bucket cannot be read.
    Unreadable(&'a Bucket),
}

/// When the script ran, by the server's clock, and the bucket of each run;
/// `None` for a state that the script could not read.
type ReadBuckets<S> = (Tick, Vec<Option<ReadBucket<S>>>);

impl Batch {
    /// Requests about one bucket keep their order. Equal ones in a row become
    /// one entry of the call.
    pub(crate) fn of(requests: Vec<Request>) -> Self {
        let mut last = HashMap::with_capacity_and_hasher(requests.len(), RandomState::default());
        let mut run_of = Vec::with_capacity(requests.len());
        let mut runs: Vec<Run> = Vec::with_capacity(requests.len());
        for (position, request) in requests.iter().enumerate() {
            let run = last
                .entry(request.bucket.name.as_slice())
                .or_insert(usize::MAX);
            match runs.get_mut(*run) {
                Some(same)
                    if request.operation.merges()
                        && requests[same.first].operation == request.operation =>
                {
                    same.times += 1;
                }
                _ => {
                    *run = runs.len();
                    runs.push(Run {
                        first: position,
                        times: 1,
                    });
                }
            }
            run_of.push(*run);
        }
        let is_each_once = runs.len() == last.len();
        drop(last);
        let mut batch = Self {
            requests,
            run_of,
            runs,
            first: None,
        };
        if is_each_once {
            batch.bring_check_forward();
        }
        batch
    }

    /// Sends a single check first, if there is one: the script makes the first
    /// charge of all that are equal to the first run.
    fn bring_check_forward(&mut self) {
        let is_check = |run: &Run| {
            run.times == 1 && matches!(self.requests[run.first].operation, Operation::Check(1..))
        };
        let Some(check) = self.runs.iter().position(is_check) else {
            return;
        };
        self.first = Some(self.runs[check].first);
        self.runs.swap(0, check);
        for run in &mut self.run_of {
            if *run == 0 {
                *run = check;
            } else if *run == check {
                *run = 0;
            }
        }
    }

    /// A batch of one request, without a search for equal ones.
    pub(crate) fn single(request: Request) -> Self {
        let mut batch = Self {
            requests: vec![request],
            run_of: vec![0],
            runs: vec![Run { first: 0, times: 1 }],
            first: None,
        };
        batch.bring_check_forward();
        batch
    }

    /// Returns the requests in the order in which they are answered.
    pub(crate) fn requests(&self) -> &[Request] {
        &self.requests
    }

    /// The number of entries of the call.
    pub(crate) fn entries(&self) -> usize {
        self.runs.len()
    }

    /// The call of the rule's script; `terms` are those of the rule.
    pub(crate) fn call<R: Scripted>(&self, rule: &R, terms: &str) -> Cmd {
        let first = self.first_check(rule);
        let first = first.and_then(|check| FirstCharge::of(rule, terms, check));
        let entries = self.runs.iter().map(|run| {
            let request = &self.requests[run.first];
            (
                request.bucket.name.as_slice(),
                request.operation.times(run.times),
            )
        });
        batch::<R>(terms, None, first.as_ref(), entries)
    }

    /// Reads the script's reply, and calls `answer` for each request, in order.
    ///
    /// Calls `notice` for every run that ended with a denial, for every lease,
    /// and for every request about a bucket that cannot be read. Such requests
    /// fail, the others do not.
    ///
    /// # Errors
    ///
    /// When the reply is malformed; then `answer` was not called.
    pub(crate) fn read_reply<R: Scripted>(
        &self,
        rule: &R,
        reply: &Value,
        notice: &mut impl FnMut(Notice<'_, R::State>),
        answer: &mut impl FnMut(usize, BucketResult),
    ) -> Result<(), Error> {
        let (now, mut buckets) = self.read_buckets(rule, reply)?;
        for (position, (request, &run)) in self.requests.iter().zip(&self.run_of).enumerate() {
            let Some(bucket) = &mut buckets[run] else {
                notice(Notice::Unreadable(&request.bucket));
                answer(position, Err(Error::unreadable("a limit")));
                continue;
            };
            if let Some(grant) = bucket.grant(request, now) {
                notice(Notice::Granted(grant));
            }
            let reply = bucket.replay(rule, now, request.operation);
            // Only the last of a run leaves the state as the server left it.
            if let Ok(reply) = &reply
                && bucket.replayed() == self.runs[run].times
                && let Some(denial) = bucket.denial(request, now, reply)
            {
                notice(Notice::Denied(denial));
            }
            answer(position, reply);
        }
        Ok(())
    }

    /// Reads the bucket of each run, in the order in which they were sent.
    fn read_buckets<R: Scripted>(
        &self,
        rule: &R,
        reply: &Value,
    ) -> Result<ReadBuckets<R::State>, Error> {
        let (now, mut numbers) = begin_reply(reply)?;
        let missing = || Error::reply("each operation of the call");
        let first = self.first_check(rule);
        let mut told = first.and_then(|_| numbers.place());
        let mut buckets = Vec::with_capacity(self.runs.len());
        for (place, run) in (1..).zip(&self.runs) {
            let operation = self.requests[run.first].operation;
            if first.is_some() && told != Some(place) {
                let is_first = first == Some(operation) && run.times == 1;
                buckets.push(Some(
                    is_first
                        .then(ReadBucket::first_charged)
                        .ok_or_else(missing)?,
                ));
                continue;
            }
            buckets.push(ReadBucket::read(rule, operation, now, &mut numbers)?);
            told = first.and_then(|_| numbers.place());
        }
        // A place that is left over is of no operation.
        told.is_none().then_some((now, buckets)).ok_or_else(missing)
    }

    /// The check whose first charge the script makes without the rule, if it
    /// does so in this call.
    fn first_check<R: Scripted>(&self, rule: &R) -> Option<Operation> {
        let check = self.requests[self.first?].operation;
        let Operation::Check(cost) = check else {
            return None;
        };
        rule.first_charge(cost).map(|_| check)
    }
}

/// Reads the server's instant, with which every reply begins.
pub(crate) fn begin_reply(reply: &Value) -> Result<(Tick, ReplyReader<'_>), Error> {
    let Value::Array(reply) = reply else {
        return Err(Error::reply("an array"));
    };
    let mut numbers = ReplyReader::of(reply);
    let now = numbers.take();
    let now = now.ok_or_else(|| Error::reply("an instant"))?;
    Ok((now, numbers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::{
        Quota, TokenBucket,
        redis::call::request::Epoch,
        rules::{quota::Cost, script::terms},
    };

    const NOW: i64 = 5_000_000;

    fn rule() -> TokenBucket {
        TokenBucket::new(Quota::per_second(10))
    }

    /// A batch of checks, each of the bucket and the cost.
    fn checks(asked: &[(u64, Cost)]) -> Batch {
        let request = |(hash, cost): &(u64, Cost)| Request {
            bucket: Bucket {
                name: hash.to_string().into_bytes(),
                hash: *hash,
            },
            operation: Operation::Check(*cost),
            epoch: Epoch::default(),
            made_at: 0,
        };
        Batch::of(asked.iter().map(request).collect())
    }

    /// Whether each check was admitted, by the numbers behind the instant.
    fn read(batch: &Batch, numbers: &[i64]) -> Result<Vec<Option<u64>>, Error> {
        let numbers = [&[NOW], numbers].concat();
        let reply = Value::Array(numbers.into_iter().map(Value::Int).collect());
        let mut remaining = Vec::new();
        let mut answer = |_, result: BucketResult| {
            remaining.push(result.ok().map(|reply| reply.decision.remaining()));
        };
        batch.read_reply(&rule(), &reply, &mut |_| {}, &mut answer)?;
        Ok(remaining)
    }

    #[test]
    fn checks_that_are_left_out_charged_a_bucket_never_seen() {
        let batch = checks(&[(1, 1), (2, 1), (2, 1), (3, 1)]);
        // The second run had nine tokens left, and the others were never seen.
        let told = read(&batch, &[2, 2, 100_000]).unwrap();
        assert_eq!(told, [Some(9), Some(8), Some(7), Some(9)]);
    }

    #[test]
    fn a_check_is_the_first_run_of_a_call() {
        let batch = checks(&[(1, 1), (1, 1), (2, 1)]);
        assert_eq!(batch.runs[0].times, 1);
        let call = batch.call(&rule(), &terms(&rule()));
        let args: Vec<_> = call.args_iter().skip(3).collect();
        assert_eq!(args[0], redis::Arg::Simple(b"2".as_slice()));
        assert_eq!(
            read(&batch, &[2, 2, 0]).unwrap(),
            [Some(9), Some(8), Some(9)]
        );
    }

    #[test]
    fn two_runs_of_one_bucket_keep_their_order() {
        let batch = checks(&[(1, 1), (1, 2)]);
        assert_eq!(batch.first, None);
        let told = read(&batch, &[1, 0, 1, 100_000]).unwrap();
        assert_eq!(told, [Some(9), Some(7)]);
    }

    #[test]
    fn a_reply_that_does_not_fit_the_call_is_an_error() {
        let batch = checks(&[(1, 1), (2, 1), (2, 1)]);
        assert!(read(&batch, &[2, 2, 0]).is_ok());
        // Without the merged run, with one too many, out of order, and not a place.
        for numbers in [&[][..], &[2, 2, 0, 3], &[2, 2, 0, 1, 1, 0], &[-1, 2, 0]] {
            assert!(read(&batch, numbers).is_err(), "{numbers:?}");
        }
    }
}
