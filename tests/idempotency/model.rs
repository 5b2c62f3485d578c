//! Random histories, played to a store and to its rule.

use std::{fmt::Debug, time::Duration};

use bytes::Bytes;
use proptest::prelude::*;
use sluicegate::{
    clock::Tick,
    idempotency::{
        Claim, ClaimRequest, Fingerprint, Name, Scope, Store, StoreError, Takeover, Token,
        state::State,
    },
};

use self::ledger::Ledger;

#[path = "model/ledger.rs"]
mod ledger;

const NAMES: usize = 3;
const PLAYERS: usize = 4;

/// A store and its clock.
pub(crate) trait Subject {
    type Store: Store;

    fn store(&self) -> &Self::Store;

    /// Advances the store's clock.
    async fn advance(&self, by: Duration);

    /// Whether the store's answer agrees with the model's.
    fn agrees(&self, model: &Claim, store: &Claim) -> bool {
        model == store
    }
}

/// The next move of a player. A claim has a new token; the other moves use the
/// token of the latest claim, whatever its result was.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Claim(usize, Play),
    /// The reply was lost, and the claim is repeated.
    ClaimAgain(usize),
    Renew(usize, Duration),
    Complete(usize, Duration),
    /// The store may lose its records.
    Restore(usize, Duration),
    Release(usize),
    /// The player forgets what it claimed.
    Crash(usize),
    Pause(Duration),
}

/// The next claim.
#[derive(Clone, Debug)]
pub(crate) struct Play {
    name: usize,
    work: bool,
    careful: bool,
    lease: Duration,
    keep: Duration,
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let player = || 0..PLAYERS;
    let step = prop_oneof![
        6 => (player(), play()).prop_map(|(player, play)| Step::Claim(player, play)),
        2 => player().prop_map(Step::ClaimAgain),
        3 => (player(), time()).prop_map(|(player, lease)| Step::Renew(player, lease)),
        4 => (player(), time()).prop_map(|(player, keep)| Step::Complete(player, keep)),
        2 => (player(), time()).prop_map(|(player, keep)| Step::Restore(player, keep)),
        2 => player().prop_map(Step::Release),
        1 => player().prop_map(Step::Crash),
        5 => time().prop_map(Step::Pause),
    ];
    prop::collection::vec(step, 1..60)
}

fn play() -> impl Strategy<Value = Play> {
    let mostly_one = prop::bool::weighted(0.8);
    let play = (0..NAMES, mostly_one, any::<bool>(), time(), time());
    play.prop_map(|(name, work, careful, lease, keep)| Play {
        name,
        work,
        careful,
        lease,
        keep,
    })
}

/// Times that often add up to the same instant.
fn time() -> impl Strategy<Value = Duration> {
    prop_oneof![4 => 1_u64..=5, 1 => Just(50)].prop_map(Duration::from_secs)
}

/// Plays a history, and panics where the store and the model part, or where the
/// answers break what is promised.
pub(crate) async fn play_to(subject: &impl Subject, steps: &[Step]) {
    let mut game = Game::new(subject);
    for step in steps {
        game.step(step).await;
    }
    game.pause(Duration::from_secs(1)).await;
    for name in 0..NAMES {
        let play = Play {
            name,
            work: true,
            careful: true,
            lease: Duration::from_secs(1),
            keep: Duration::from_secs(1),
        };
        game.step(&Step::Claim(0, play)).await;
    }
}

struct Game<'a, S> {
    subject: &'a S,
    names: [Name; NAMES],
    model: [Option<State>; NAMES],
    ledgers: [Ledger; NAMES],
    claims: [Option<(usize, ClaimRequest)>; PLAYERS],
    now: Tick,
    records: usize,
}

impl<'a, S: Subject> Game<'a, S> {
    /// The names of this game, which no other game uses.
    fn new(subject: &'a S) -> Self {
        let namespace = Token::random().to_string();
        let scope = Scope::new(&namespace);
        Self {
            subject,
            names: std::array::from_fn(|name| scope.name(name.to_string())),
            model: Default::default(),
            ledgers: Default::default(),
            claims: Default::default(),
            now: 1 << 40,
            records: 0,
        }
    }

    async fn step(&mut self, step: &Step) {
        match *step {
            Step::Claim(player, ref play) => self.claim_anew(player, play).await,
            Step::ClaimAgain(player) => self.claim(player).await,
            Step::Renew(player, lease) => self.renew(player, lease).await,
            Step::Complete(player, keep) => self.complete(player, keep).await,
            Step::Restore(player, keep) => self.restore(player, keep).await,
            Step::Release(player) => self.release(player).await,
            Step::Crash(player) => self.claims[player] = None,
            Step::Pause(time) => self.pause(time).await,
        }
    }

    async fn pause(&mut self, time: Duration) {
        self.subject.advance(time).await;
        self.now += time.as_micros() as Tick;
    }

    async fn claim_anew(&mut self, player: usize, play: &Play) {
        let works = ["other work", "work"];
        let request = ClaimRequest {
            fingerprint: Fingerprint::of(works[usize::from(play.work)]),
            token: Token::random(),
            lease: play.lease,
            keep: play.keep,
            takeover: [Takeover::Rerun, Takeover::Refuse][usize::from(play.careful)],
        };
        self.claims[player] = Some((play.name, request));
        self.claim(player).await;
    }

    async fn claim(&mut self, player: usize) {
        let Some((name, request)) = self.claims[player] else {
            return;
        };
        let told = self.subject.store().claim(self.names[name], request).await;
        let told = told.expect("it has room and is there");
        let expected = State::claim(&mut self.model[name], self.now, &request);
        let agree = self.subject.agrees(&expected, &told);
        assert!(agree, "{told:?} and not {expected:?}");
        self.ledgers[name].claimed(self.now, &request, &told);
    }

    async fn renew(&mut self, player: usize, lease: Duration) {
        let Some((name, request)) = self.claims[player] else {
            return;
        };
        let told = self
            .subject
            .store()
            .renew(self.names[name], request.token, lease)
            .await;
        let expected = State::renew(&mut self.model[name], self.now, request.token, lease);
        let held = same(told, expected);
        self.ledgers[name].renewed(self.now, request.token, lease, held);
    }

    /// No two records are the same.
    async fn complete(&mut self, player: usize, keep: Duration) {
        let Some((name, ClaimRequest { token, .. })) = self.claims[player] else {
            return;
        };
        self.records += 1;
        let record = Bytes::from(self.records.to_string());
        let completed = (token, record.clone(), keep);
        let told = self
            .subject
            .store()
            .complete(self.names[name], token, record.clone(), keep);
        let told = told.await;
        let expected = State::complete(&mut self.model[name], self.now, token, record, keep);
        let held = same(told, expected);
        self.ledgers[name].completed(self.now, completed, held);
    }

    async fn restore(&mut self, player: usize, keep: Duration) {
        let Some((name, request)) = self.claims[player] else {
            return;
        };
        let (fingerprint, token) = (request.fingerprint, request.token);
        self.records += 1;
        let record = Bytes::from(self.records.to_string());
        let restored = (fingerprint, token, record.clone(), keep);
        let store = self.subject.store();
        let told = store.restore(self.names[name], fingerprint, token, record.clone(), keep);
        let told = told.await;
        let by = (fingerprint, token);
        let expected = State::restore(&mut self.model[name], self.now, by, record, keep);
        let held = same(told, expected);
        self.ledgers[name].restored(self.now, restored, held);
    }

    async fn release(&mut self, player: usize) {
        let Some((name, ClaimRequest { token, .. })) = self.claims[player] else {
            return;
        };
        let told = self.subject.store().release(self.names[name], token).await;
        let expected = State::release(&mut self.model[name], self.now, token);
        let held = same(told, expected);
        self.ledgers[name].released(self.now, token, held);
    }
}

fn same<T: PartialEq + Debug>(told: Result<T, StoreError>, expected: T) -> T {
    assert_eq!(told, Ok(expected));
    told.unwrap()
}
