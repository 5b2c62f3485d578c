//! A bucket in Redis as one of several.

use std::{fmt, hash::Hash, sync::Arc};

use super::{
    batch::replay,
    check::{Asking, Terms},
    check_all::{Query, Question},
    client::Shared,
    limiter::Redis,
    queue::Reply,
    request::{Answer, Ask},
    wait::{InLine, Place},
};
use crate::{
    clock::Tick,
    key::StoreKey,
    limit::{
        all::{Asked, Bucket, Charge, Held, Hold, Member, Part, Sealed, Taken},
        decision::Decision,
        fallback::Policy,
        limiter::Wait,
        local::Turn,
        rules::script::{Operation, ReplyReader, Scripted},
    },
    redis::{Connection, Error, ErrorKind},
};

/// A bucket, with its limiter.
pub struct Charged<'a, R: Scripted, P> {
    shared: &'a Arc<Shared<R>>,
    policy: &'a P,
    bucket: super::request::Bucket,
    ticket: u64,
}

impl<R: Scripted, P> fmt::Debug for Charged<'_, R, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Charged")
    }
}

impl<R: Scripted, P: Policy> Charged<'_, R, P> {
    /// Only a queue lets wait.
    fn longest_wait(&self, patience: Option<Wait>) -> Tick {
        match self.shared.rule.queues() {
            true => self.shared.longest_wait(self.bucket.key, patience),
            false => 0,
        }
    }
}

impl<R: Scripted, P: Policy> Part for Charged<'_, R, P> {
    fn bucket(&self) -> Bucket<'_> {
        Bucket {
            store: self.shared.connection.id(),
            key: 0,
            name: &self.bucket.name,
            rule: &self.shared.head,
        }
    }

    fn is_elsewhere(&self) -> bool {
        true
    }

    fn take(&self, _asked: Asked) -> Option<Taken> {
        None
    }

    /// What a bucket never seen denies can never pass.
    fn denial(&self, asked: Asked) -> Option<Decision> {
        let never = Some(self.shared.unseen(asked.cost)).filter(Decision::is_denied);
        let wait = self.longest_wait(asked.wait);
        never.or_else(|| self.shared.recall(self.bucket.key, asked.cost, wait))
    }

    fn unseen(&self) -> Decision {
        self.shared.unseen(0)
    }

    /// Nothing was charged yet.
    fn undo(&self, _charge: Charge) {}

    fn hold(&self, _charge: Charge) -> Hold {
        Hold::nothing()
    }

    fn query(&self, asked: Asked) -> Option<Query> {
        let Asked {
            cost,
            wait: patience,
        } = asked;
        let wait = self.longest_wait(patience);
        let entry = self.shared.entry(cost, wait, patience);
        Some(Query(Box::new(Open {
            shared: self.shared.clone(),
            ask: self.shared.ask(self.bucket.clone(), entry),
            waits: patience.is_some() && wait > 0,
            terms: Terms {
                policy: self.policy.clone(),
                ticket: self.ticket,
                asked,
            },
        })))
    }
}

/// A question that is still to be asked or to be settled.
struct Open<R: Scripted, P> {
    shared: Arc<Shared<R>>,
    ask: Ask,
    /// Whether it waits for its turn, if it has to.
    waits: bool,
    terms: Terms<P>,
}

impl<R: Scripted, P: Policy> Question for Open<R, P> {
    fn connection(&self) -> &Connection {
        &self.shared.connection
    }

    fn key(&self) -> &[u8] {
        &self.ask.bucket.name
    }

    fn asked(&self) -> (&[String], Operation) {
        (&self.shared.head, self.ask.entry)
    }

    fn ask(&self) -> Asking {
        let Ask { bucket, entry, .. } = &self.ask;
        self.shared.begin(bucket.clone(), *entry, self.waits)
    }

    fn count(&self) {
        self.shared.counters.called(1, 1);
    }

    fn read(&self, now: Tick, numbers: &mut ReplyReader<'_>) -> Reply {
        let denied = |denial: super::batch::Denial<'_, R::State>| self.shared.remember(&denial);
        let reply = replay(&self.shared.rule, &self.ask, now, numbers, denied);
        let unreadable = |error: &Error| error.kind() == ErrorKind::Unreadable;
        if reply.as_ref().is_err_and(unreadable) {
            self.shared.cannot_read(&self.ask.bucket);
        }
        if reply.is_ok() {
            self.shared.look_at_eviction(&self.ask.bucket);
        }
        reply
    }

    fn settle(&self, reply: Reply, charged: bool) -> Result<Held, Error> {
        let answer = match reply {
            Ok(answer) => answer,
            Err(error) => return self.instead(error),
        };
        let decision = answer.decision;
        let hold = match charged && answer.taken > 0 {
            true => self.hold(answer),
            false => Hold::nothing(),
        };
        Ok(Held { decision, hold })
    }
}

impl<R: Scripted, P: Policy> Open<R, P> {
    fn hold(&self, answer: Answer) -> Hold {
        let (shared, bucket) = (self.shared.clone(), self.ask.bucket.clone());
        // It was asked for when there was room in the line.
        let line = InLine::join(&shared, bucket.key, usize::MAX);
        match answer.wait().filter(|_| self.waits).zip(line) {
            Some((wait, line)) => {
                let place = Place::new(line, bucket, self.terms.asked.cost, answer);
                Hold::turn(Turn::of(place.come_due(wait)))
            }
            None => Hold::charge(move || shared.undo(bucket, &answer)),
        }
    }

    fn instead(&self, error: Error) -> Result<Held, Error> {
        let Terms {
            policy,
            ticket,
            asked,
        } = &self.terms;
        let error = self.shared.fell_back(error);
        let unseen = self.shared.unseen(asked.cost);
        let held = policy.hold(*ticket, *asked, unseen, error);
        held.map_err(Into::into)
    }
}

impl<R: Scripted, P: Policy> Sealed for Redis<R, P> {}

impl<R: Scripted, P: Policy, K: StoreKey + Hash + ?Sized> Member<K> for Redis<R, P> {
    type Part<'a> = Charged<'a, R, P>;

    fn part<'a>(&'a self, key: &K) -> Self::Part<'a> {
        Charged {
            shared: &self.shared,
            policy: &self.policy,
            bucket: self.shared.bucket(key),
            ticket: self.policy.ticket(key),
        }
    }
}
