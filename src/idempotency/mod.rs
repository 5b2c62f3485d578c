//! Idempotency: the same work, asked for twice, is done once.
//!
//! # How it works
//!
//! Whoever is to do some work [claims](Store::claim) its [`Name`] in a [`Store`]
//! first, and says by a [`Fingerprint`] what the work is. One claimant is told to
//! run, and holds a [`Lease`], which is renewed while the work goes on. At its end
//! a [`Record`] of what came of it is kept, for a day unless set, and all who claim
//! the same from then on are given that.
//!
//! | under the name is | another claim is answered |
//! |---|---|
//! | nothing | run |
//! | work with another fingerprint | a mismatch, whatever has become of it |
//! | work that runs | that it runs, and for how long its lease lasts |
//! | work that is done | its record |
//! | work whose lease has lapsed | run, and that it is recovered; or that its outcome is unknown: [`Takeover`] |
//!
//! A lease is given back only by who says that the work was not done. Work that
//! panics, is dropped, or dies with its process may have been done in part, or all
//! of it: its lease lapses. Each lease has a [`Token`] that no other ever has; who
//! has lost his lease can neither renew nor complete it, and may have others tell
//! by the token that he is late. [`machine`] is all of this as one rule.
//!
//! | | does |
//! |---|---|
//! | [`Runner`] | work once, for consumers of queues and for jobs |
//! | [`Claimant`] and [`Guard`] | the steps of that, for those who drive them themselves |
//! | [`Store`] | the claims: [`Local`], in this process, `Redis` for a fleet (feature `redis`), or one's own |
//! | [`Store`] | the claims: [`Local`], in this process, or another of the [stores](#stores) |
//! | [`IdempotencyKey`], [`Scope`], [`Fingerprint`] | say which work, whose, and what it is |
//! | [`Observe`] | hear what becomes of claims |
//!
//! # Stores
//!
//! | store | records are | and outlive | a claim and a completion cost |
//! |---|---|---|---|
//! | [`Local`] | in this process | nothing | a lock |
//! | `Durable` (feature `durable`) | on the disk of one machine | the process, and as far as the disk goes the machine | an fsync each, shared by those that come at once |
//!
//! # Example
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! use sluicegate::idempotency::{Fingerprint, Local, Runner, Scope};
//!
//! let runner = Runner::new(Local::new());
//! // The message comes twice, as messages do.
//! for _ in 0..2 {
//!     let (id, body) = ("payment 17", "17 EUR to Ann");
//!     let name = Scope::new("payments").name(id);
//!     let paid = runner.run_once(name, Fingerprint::of(body), || async {
//!         Ok::<_, String>("receipt 1".to_owned())
//!     });
//!     assert_eq!(paid.await.unwrap().into_inner(), "receipt 1");
//! }
//! # }
//! ```
//!
//! # Custom example
//!
//! Payments: nobody repeats one whose outcome is unknown, duplicates wait for the
//! first one, and the bank refuses what a late holder writes.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! use std::{sync::Arc, time::Duration};
//! use sluicegate::idempotency::{
//!     Claimant, Counts, Fingerprint, Local, OnError, Runner, Scope, Takeover, Waiting,
//! };
//!
//! let counts = Arc::new(Counts::default());
//! let claimant = Claimant::new(Local::builder().capacity(256 << 20).build())
//!     .lease(Duration::from_secs(10))
//!     .keep(Duration::from_secs(7 * 86_400))
//!     .takeover(Takeover::Refuse)
//!     .observe(counts.clone());
//! let runner = Runner::over(claimant)
//!     .on_error(OnError::Lapse)
//!     .wait(Waiting::up_to(Duration::from_secs(5)));
//!
//! let name = Scope::new("payments").principal("tenant 4").name("17");
//! let fingerprint = Fingerprint::builder().part("Ann").part("17 EUR").finish();
//! let paid = runner.run_leased(name, fingerprint, |lease| async move {
//!     // INSERT ... WHERE no other token has written.
//!     Ok::<_, String>(format!("paid under {}", lease.token()))
//! });
//! assert!(paid.await.is_ok());
//! assert_eq!(counts.snapshot().completed, 1);
//!
//! // Before the process ends.
//! assert_eq!(runner.tracker().drain(Duration::from_secs(30)).await, 0);
//! # }
//! ```
//!
//! # Clones
//!
//! A store is a handle: clones are one. A runner and a claimant hold one, and their
//! clones share what they track.
//!
//! # Cancellation
//!
//! Work that a [`Runner`] does is not cancelled with who asked for it. A [`Guard`]
//! that is dropped leaves work of unknown outcome. A [`Tracker`] knows of all that
//! goes on in the background.
//!
//! # Differences from others
//!
//! * A flag that says "in progress" until the record would have expired, as
//!   libraries for other languages have it, locks a key for a day when a process
//!   dies. One that is deleted on an error lets a payment run twice. Here the lease
//!   is short, renewed, and never given back in doubt.
//! * A claim that is taken over by the time on the claimant's clock, or completed by
//!   whoever comes last, is two claims. Here the store's clock decides, and the
//!   token.

mod body;
mod claim;
mod claimant;
mod digest;
#[cfg(feature = "durable")]
mod durable;
mod fingerprint;
pub mod future;
mod gate;
mod guard;
mod heartbeat;
mod job;
mod keeper;
mod keeping;
mod key;
mod layer;
mod lease;
mod local;
pub mod machine;
mod name;
mod observe;
mod pipe;
mod principal;
mod rebuild;
mod record;
#[cfg(feature = "redis")]
mod redis;
mod replay;
mod required;
mod run_once;
mod scope;
mod service;
mod store;
mod tee;
mod terms;
mod token;
mod tracker;
mod typical;
mod waiting;
mod whole;
mod works;

#[cfg(feature = "durable")]
#[cfg_attr(docsrs, doc(cfg(feature = "durable")))]
pub use self::durable::{Durable, DurableBuilder, DurableCounts, Fsync, OpenError};
#[cfg(feature = "redis")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub use self::redis::{Redis, RedisCounts};
pub use self::{
    body::ResponseBody,
    claim::{Bid, Claim, Held, Takeover},
    claimant::{Claimant, Claimed},
    fingerprint::{Fingerprint, FingerprintBuilder},
    guard::{Ended, Guard},
    keeping::StoreDecision,
    key::{IdempotencyKey, KeyError, KeyForm, Syntax},
    layer::IdempotencyLayer,
    lease::Lease,
    local::{Local, LocalBuilder, LocalCounts},
    name::Name,
    observe::{Counts, Event, Observe, Snapshot},
    principal::{Everybody, Of, Principal, Said, Unsaid, Whose},
    rebuild::Rebuild,
    record::{Body, Record, RecordError, Reply},
    required::{Always, Required},
    run_once::{OnError, Outcome, RunError, Runner},
    scope::Scope,
    service::Idempotency,
    store::{Store, StoreError},
    token::{NoToken, Token},
    tracker::Tracker,
    waiting::Waiting,
    whole::Whole,
};
