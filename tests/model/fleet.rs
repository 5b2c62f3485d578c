//! Two processes that lease a bucket, and others that ask for it exactly.

use std::mem;

use sluicegate::{
    clock::Tick,
    limit::{
        Cost, Scripted,
        testing::{GivenBack, Operation, UndoRequest},
    },
};

use crate::{
    law::Law,
    moves::{Move, collect},
    plan::{BASE, Plan},
    script_client::{Answer, ScriptClient},
    search::World,
    share::{Mail, Share},
};

/// A charge that may be undone, of a process that leases nothing, and the meter
/// without it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Charge<S> {
    cost: u8,
    /// By the server's clock.
    at: Tick,
    mark: u64,
    given_back: GivenBack,
    without: S,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct State<S> {
    /// The index of the instant, and how many steps back the clock has made.
    pub(crate) at: u8,
    pub(crate) steps_back: u8,
    /// Rare events so far.
    pub(crate) events: u8,
    store: u32,
    law: S,
    pub(crate) holders: [Share; 2],
    pub(crate) mail: Option<Mail>,
    pub(crate) charge: Option<Charge<S>>,
}

pub(crate) struct Fleet<R, L> {
    plan: Plan,
    law: L,
    quotas: u8,
    script_client: ScriptClient<R>,
}

impl<R: Scripted, L: Law> Fleet<R, L> {
    pub(crate) fn new(plan: Plan, law: L, rules: Vec<R>, sources: &[String]) -> Self {
        Self {
            quotas: rules.len() as u8,
            script_client: ScriptClient::new(&plan, rules, sources),
            plan,
            law,
        }
    }

    fn real(&self, state: &State<L::State>) -> Tick {
        self.plan.instants[state.at as usize]
    }

    fn clock(&self, state: &State<L::State>) -> Tick {
        let back = &self.plan.steps_back[..state.steps_back as usize];
        BASE + self.real(state) - back.iter().sum::<Tick>()
    }

    /// Which quota a holder goes by.
    fn quota_of(&self, holder: usize) -> u8 {
        holder as u8 % self.quotas
    }

    /// Asks, and lets the law know under which quota.
    fn change(
        &mut self,
        state: &mut State<L::State>,
        quota: u8,
        entry: Operation,
    ) -> Result<Answer, String> {
        let clock = self.clock(state);
        let answer = self.script_client.ask(state.store, clock, quota, entry)?;
        if answer.store != state.store && self.quotas > 1 {
            let (unseen, out) = (state.store == 0, out(state));
            state.law = self.law.retune(state.law, clock, quota, unseen, out);
        }
        state.store = answer.store;
        Ok(answer)
    }

    /// Something passes.
    fn pass(&self, state: &mut State<L::State>, cost: Cost) -> Result<(), String> {
        let clock = self.clock(state);
        state.law = self.law.spend(state.law, clock, cost)?;
        if let Some(charge) = &mut state.charge {
            charge.without = self.law.spend(charge.without, clock, cost)?;
        }
        Ok(())
    }

    fn check(
        &mut self,
        state: &mut State<L::State>,
        quota: u8,
        cost: Cost,
    ) -> Result<bool, String> {
        let answer = self.change(state, quota, Operation::Check(cost))?;
        let admitted = answer.count == 1;
        if admitted {
            self.pass(state, cost)?;
        }
        Ok(admitted)
    }

    /// The server gets a message, and its answer arrives at once or never.
    fn deliver(
        &mut self,
        state: &mut State<L::State>,
        mail: Mail,
        arrives: bool,
    ) -> Result<(), String> {
        let clock = self.clock(state);
        match mail {
            Mail::Lease {
                holder,
                want,
                spent,
                term,
                asked,
            } => {
                let entry = Operation::Lease(want.into(), spent.into(), term);
                let holder = usize::from(holder);
                let answer = self.change(state, self.quota_of(holder), entry)?;
                let rest = self.law.left(state.law, clock).saturating_sub(out(state));
                if answer.count > rest / 2 {
                    return Err(format!("{} of {rest} went out", answer.count));
                }
                if arrives {
                    let ends = asked + (answer.ends - clock) as u32;
                    let share = &mut state.holders[holder];
                    share.add(answer.count as u8, answer.term, ends);
                }
            }
            Mail::Return(share) => {
                let Share {
                    left, spent, term, ..
                } = share;
                let entry = Operation::Return(left.into(), spent.into(), term);
                // Nothing of it depends on whose it is.
                self.change(state, 0, entry)?;
            }
        }
        Ok(())
    }

    fn wait(&mut self, state: &mut State<L::State>) {
        let before = self.real(state);
        state.at += 1;
        let (ticks, clock) = (self.real(state) - before, self.clock(state));
        state.law = self.law.advance(state.law, ticks, clock);
        if let Some(charge) = &mut state.charge {
            charge.without = self.law.advance(charge.without, ticks, clock);
        }
        state.store = self.script_client.stores.expired(state.store, clock);
    }

    /// Equivalent states are one: shares that have ended or are empty are equal,
    /// and the order of the holders does not matter.
    fn settle(&self, state: &mut State<L::State>) {
        let now = self.real(state) as u32;
        for share in &mut state.holders {
            if share.is_over(now) {
                *share = Share::NONE;
            }
        }
        if self.quotas == 1 && state.holders[0] > state.holders[1] {
            state.holders.swap(0, 1);
            if let Some(Mail::Lease { holder, .. }) = &mut state.mail {
                *holder ^= 1;
            }
        }
    }

    fn make(&mut self, state: &mut State<L::State>, made: Move) -> Result<(), String> {
        let (clock, now) = (self.clock(state), self.real(state) as u32);
        match made {
            Move::Wait => self.wait(state),
            Move::StepBack => {
                state.steps_back += 1;
                state.law = self.law.advance(state.law, 0, self.clock(state));
            }
            Move::Spend(holder) => {
                state.holders[holder].spend();
                self.pass(state, 1)?;
            }
            Move::Lease(holder, want) | Move::LeaseIsLost(holder, want) => {
                let mail = state.holders[holder].request(holder, want, now);
                self.deliver(state, mail, matches!(made, Move::Lease(..)))?;
            }
            Move::SendLease(holder, want) => {
                state.mail = Some(state.holders[holder].request(holder, want, now));
            }
            Move::Return(holder) => {
                let share = mem::take(&mut state.holders[holder]);
                self.deliver(state, Mail::Return(share), true)?;
            }
            Move::SendReturn(holder) => {
                let share = mem::take(&mut state.holders[holder]);
                state.mail = Some(Mail::Return(share));
            }
            Move::Deliver => {
                if let Some(mail) = state.mail.take() {
                    self.deliver(state, mail, true)?;
                }
            }
            Move::Crash(holder) => state.holders[holder] = Share::NONE,
            Move::Check(quota, cost) => drop(self.check(state, quota, cost)?),
            Move::Charge(cost) => {
                let without = state.law;
                let answer = self.change(state, 0, Operation::Take(1, cost, 0))?;
                if answer.count == 1 {
                    self.pass(state, cost)?;
                    let (mark, given_back) = answer.taken;
                    state.charge = Some(Charge {
                        cost: cost as u8,
                        at: clock,
                        mark,
                        given_back,
                        without,
                    });
                }
            }
            Move::Undo => {
                if let Some(charge) = state.charge.take() {
                    let undo = UndoRequest {
                        cost: charge.cost.into(),
                        at: charge.at,
                        mark: charge.mark,
                        given_back: charge.given_back,
                    };
                    self.change(state, 0, Operation::Undo(undo))?;
                    state.law = charge.without;
                }
            }
            Move::Keep => state.charge = None,
            Move::Credit(cost) => {
                self.change(state, 0, Operation::Credit(cost))?;
                state.law = self.law.credit(state.law, clock, cost);
            }
            Move::Debit(cost) => drop(self.change(state, 0, Operation::Debit(cost))?),
            Move::Reset => {
                self.change(state, 0, Operation::Reset)?;
                state.law = self.law.reset(state.law, clock);
            }
        }
        Ok(())
    }
}

impl<R: Scripted, L: Law> World for Fleet<R, L> {
    type State = State<L::State>;
    type Move = Move;

    fn start(&self) -> Self::State {
        State {
            at: 0,
            steps_back: 0,
            events: 0,
            store: 0,
            law: self.law.start(),
            holders: Default::default(),
            mail: None,
            charge: None,
        }
    }

    fn moves(&self, state: &Self::State, moves: &mut Vec<Move>) {
        collect(&self.plan, self.quotas, state, moves);
    }

    fn step(&mut self, mut state: Self::State, made: Move) -> Result<Self::State, String> {
        state.events += u8::from(made.is_rare());
        self.make(&mut state, made)?;
        self.settle(&mut state);
        Ok(state)
    }
}

/// Returns what the holders can still spend.
fn out<S>(state: &State<S>) -> Cost {
    let shares = state.holders.iter();
    shares.map(|share| Cost::from(share.left)).sum()
}
