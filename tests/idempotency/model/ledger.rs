//! The replies under one name, and a check of the promises.
//!
//! It does not use `state`: a claimant that was told to run holds the work until
//! its lease is over, and what was kept stays.

use std::time::Duration;

use bytes::Bytes;
use sluicegate::{
    clock::Tick,
    idempotency::{Claim, ClaimRequest, Fingerprint, LeaseStatus, Takeover, Token},
};

#[derive(Default)]
pub(super) struct Ledger {
    /// The worker that was told to run, and until when no other one may.
    holder: Option<(Token, Tick)>,
    fingerprint: Option<Fingerprint>,
    /// Work that has begun and has no known end.
    open: Option<Open>,
    /// The first record, its token, and its expiry.
    kept: Option<(Token, Bytes, Tick)>,
}

#[derive(Clone, Copy)]
struct Open {
    attempt: u32,
    forgotten: Tick,
    keep: Tick,
}

impl Ledger {
    pub(super) fn claimed(&mut self, now: Tick, request: &ClaimRequest, told: &Claim) {
        let kept = self.kept.as_ref().filter(|(.., until)| now < *until);
        let running = self
            .holder
            .filter(|(token, until)| now < *until && *token != request.token);
        match told {
            Claim::Run { attempt } => {
                assert!(kept.is_none(), "it runs again, though it is done");
                assert!(running.is_none(), "two run at once");
                self.open(now, request, *attempt);
                self.kept = None;
                self.holder = Some((request.token, now + micros(request.lease)));
                self.fingerprint = Some(request.fingerprint);
            }
            Claim::Replay(record) => {
                let (_, first, _) = kept.expect("nothing was kept, or not so long");
                assert_eq!(record, first, "not what was kept first");
            }
            Claim::Mismatch => assert_ne!(self.fingerprint, Some(request.fingerprint)),
            Claim::Running { left } => {
                let (_, until) = running.expect("nobody runs it");
                assert!(kept.is_none() && *left == Duration::from_micros(until - now));
            }
            Claim::Unknown => {
                assert_eq!(request.takeover, Takeover::Refuse);
                assert!(self.holder.is_some() && running.is_none() && kept.is_none());
            }
        }
        if !matches!(told, Claim::Mismatch) {
            assert_eq!(
                self.fingerprint,
                Some(request.fingerprint),
                "other work was taken for this"
            );
        }
    }

    pub(super) fn renewed(&mut self, now: Tick, token: Token, lease: Duration, held: LeaseStatus) {
        if held == LeaseStatus::Held {
            let until = now + micros(lease);
            self.holder = Some((self.the_holder(token), until));
            if let Some(open) = &mut self.open {
                open.forgotten = until + open.keep;
            }
        }
    }

    /// A worker learns how often the work has begun, as long as that is
    /// remembered and no end is known.
    fn open(&mut self, now: Tick, request: &ClaimRequest, attempt: u32) {
        let open = self.open.filter(|open| now < open.forgotten);
        let again = self.holder.is_some_and(|(token, _)| token == request.token);
        let expected = open.map_or(1, |open| open.attempt + u32::from(!again));
        assert_eq!(attempt, expected, "how often it was begun");
        let keep = micros(request.keep);
        self.open = Some(Open {
            attempt,
            forgotten: now + micros(request.lease) + keep,
            keep,
        });
    }

    pub(super) fn completed(
        &mut self,
        now: Tick,
        (token, record, keep): (Token, Bytes, Duration),
        held: LeaseStatus,
    ) {
        if held == LeaseStatus::Lost {
            return;
        }
        let again = self.kept.as_ref().is_some_and(|(by, ..)| *by == token);
        if !again {
            self.kept = Some((self.the_holder(token), record, now + micros(keep)));
            self.holder = None;
            self.open = None;
        }
    }

    /// A worker that was told to run may report the end even if its claim is
    /// forgotten, as long as no other worker has begun and no end is known.
    pub(super) fn restored(
        &mut self,
        now: Tick,
        (fingerprint, token, record, keep): (Fingerprint, Token, Bytes, Duration),
        held: LeaseStatus,
    ) {
        if held == LeaseStatus::Lost {
            return;
        }
        let kept = self.kept.as_ref().filter(|(.., until)| now < *until);
        if let Some((by, ..)) = kept {
            assert_eq!(*by, token, "another has completed it");
            return;
        }
        let other = self.holder.filter(|(holder, _)| *holder != token);
        let running = other.filter(|(_, until)| now < *until);
        assert!(running.is_none(), "another is at it");
        let open = self.open.filter(|open| now < open.forgotten);
        assert!(other.is_none() || open.is_none(), "another had begun it");
        self.kept = Some((token, record, now + micros(keep)));
        self.fingerprint = Some(fingerprint);
        self.holder = None;
        self.open = None;
    }

    pub(super) fn released(&mut self, now: Tick, token: Token, held: LeaseStatus) {
        if held == LeaseStatus::Held {
            self.holder = Some((self.the_holder(token), now));
            self.open = self.open.filter(|open| open.attempt > 1);
            if let Some(open) = &mut self.open {
                open.forgotten = now + open.keep;
            }
        }
    }

    /// Only the last worker that was told to run may report.
    fn the_holder(&self, token: Token) -> Token {
        let holder = self.holder.map(|(holder, _)| holder);
        assert_eq!(holder, Some(token), "another's lease");
        token
    }
}

fn micros(time: Duration) -> Tick {
    time.as_micros() as Tick
}
