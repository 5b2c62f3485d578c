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
    limit::rules::script::{Operation, PLAIN_CHECK, ReplyReader, Scripted, batch, first_checks},
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
    /// Whether each bucket has one run. Otherwise their order counts, and the
    /// script has to take the long way.
    is_each_once: bool,
}

/// The same request about one bucket, once or several times in a row.
#[derive(Clone, Copy)]
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
            let run = last.entry(request.bucket.hash).or_insert(usize::MAX);
            match runs.get_mut(*run) {
                Some(same) if request.repeats(&requests[same.first]) => {
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
            is_each_once,
        };
        if is_each_once {
            batch.bring_plain_checks_forward();
        }
        batch
    }

    /// Sends plain checks first, which need no arguments there.
    fn bring_plain_checks_forward(&mut self) {
        let is_plain = |run: &Run| self.operation(run) == PLAIN_CHECK;
        if self.runs.is_sorted_by_key(|run| !is_plain(run)) {
            return;
        }
        let mut order: Vec<usize> = (0..self.runs.len()).collect();
        order.sort_by_key(|&run| !is_plain(&self.runs[run]));
        let mut place_of = vec![0; order.len()];
        for (place, &run) in order.iter().enumerate() {
            place_of[run] = place;
        }
        for run in &mut self.run_of {
            *run = place_of[*run];
        }
        self.runs = order.iter().map(|&run| self.runs[run]).collect();
    }

    /// Returns what a run asks of its bucket.
    fn operation(&self, run: &Run) -> Operation {
        self.requests[run.first].operation.times(run.times)
    }

    /// A batch of one request, without a search for equal ones.
    pub(crate) fn single(request: Request) -> Self {
        Self {
            requests: vec![request],
            run_of: vec![0],
            runs: vec![Run { first: 0, times: 1 }],
            is_each_once: true,
        }
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
        let entries = self.runs.iter().map(|run| {
            let name = self.requests[run.first].bucket.name.as_slice();
            (name, self.operation(run))
        });
        let shortcut = self.is_each_once.then_some(rule);
        batch::<R>(terms, None, shortcut, entries)
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
        let read = |run: &Run| {
            let operation = self.requests[run.first].operation;
            ReadBucket::read(rule, operation, now, &mut numbers)
        };
        let buckets = if self.is_each_once && first_checks(rule, PLAIN_CHECK).is_some() {
            self.read_shortcut(rule, now, numbers)
        } else {
            self.runs.iter().map(read).collect()
        };
        Ok((now, buckets?))
    }

    /// Reads the buckets of a call with a shortcut, whose reply leaves out the
    /// runs that charged a bucket never seen.
    fn read_shortcut<R: Scripted>(
        &self,
        rule: &R,
        now: Tick,
        mut numbers: ReplyReader<'_>,
    ) -> Result<Vec<Option<ReadBucket<R::State>>>, Error> {
        let missing = || Error::reply("each operation of the call");
        let mut told: Vec<_> = self.runs.iter().map(|_| None).collect();
        while let Some(place) = numbers.place() {
            let place = usize::try_from(place).unwrap_or(0).wrapping_sub(1);
            let run = self.runs.get(place).filter(|_| told[place].is_none());
            let operation = self.requests[run.ok_or_else(missing)?.first].operation;
            told[place] = Some(ReadBucket::read(rule, operation, now, &mut numbers)?);
        }
        let read = |(told, run): (Option<_>, &Run)| {
            let first = || first_checks(rule, self.operation(run));
            let charged = || Some(Some(ReadBucket::first_charged(first()?)));
            told.or_else(charged).ok_or_else(missing)
        };
        told.into_iter().zip(&self.runs).map(read).collect()
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
        // The second bucket had nine tokens left, and the others were never seen.
        let told = read(&batch, &[3, 2, 100_000]).unwrap();
        assert_eq!(told, [Some(9), Some(8), Some(7), Some(9)]);
        let told = read(&batch, &[]).unwrap();
        assert_eq!(told, [Some(9), Some(9), Some(8), Some(9)]);
    }

    #[test]
    fn plain_checks_are_the_first_runs_of_a_call() {
        let batch = checks(&[(1, 1), (1, 1), (2, 1), (3, 2), (4, 1)]);
        let call = batch.call(&rule(), &terms(&rule()));
        let args = call.args_iter().skip(3).map(|arg| match arg {
            redis::Arg::Simple(arg) => String::from_utf8_lossy(arg).into_owned(),
            other => panic!("{other:?}"),
        });
        let args: Vec<_> = args.collect();
        let terms = terms(&rule());
        let runs = [
            format!("2 1 0 200 200000 {terms}"),
            format!("1 2 0 200 200000 {terms}"),
        ];
        assert_eq!(args[..4], ["2", "4", "1", "3"]);
        assert_eq!(args[5..7], [format!(" 100000 {terms}"), "100".into()]);
        assert_eq!(args[7..], runs);
        let told = read(&batch, &[4, 1, 100_000, 3, 2, 0]).unwrap();
        assert_eq!(told, [Some(9), Some(8), Some(9), Some(7), Some(9)]);
    }

    #[test]
    fn two_runs_of_one_bucket_keep_their_order() {
        let batch = checks(&[(1, 1), (1, 2)]);
        assert!(!batch.is_each_once);
        let told = read(&batch, &[1, 0, 1, 100_000]).unwrap();
        assert_eq!(told, [Some(9), Some(7)]);
    }

    #[test]
    fn a_reply_that_does_not_fit_the_call_is_an_error() {
        let batch = checks(&[(1, 1), (2, 1), (2, 1), (3, 11)]);
        assert!(read(&batch, &[3, 0, 0]).is_ok());
        // Without a check that no bucket passes, without a number, one twice, one too
        // many, and not a place.
        for numbers in [
            &[][..],
            &[3, 0],
            &[3, 0, 0, 3, 0, 0],
            &[3, 0, 0, 4, 1, 0],
            &[3, 0, 0, 0, 1, 0],
            &[3, 0, 0, -1, 1, 0],
        ] {
            assert!(read(&batch, numbers).is_err(), "{numbers:?}");
        }
    }
}
