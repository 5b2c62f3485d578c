//! Two holders of one limit, and its law.

use sluicegate::clock::Tick;

use super::{
    client::{Client, LENGTH, id},
    holder::{Holder, Mail},
    moves::{Move, Plan, collect},
};
use crate::{plan::BASE, search::World};

#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub(crate) struct State {
    /// The index of the instant.
    pub(crate) at: u8,
    pub(crate) stepped_back: bool,
    /// Whether no call was made since then.
    is_unnoticed: bool,
    /// Rare events so far.
    pub(crate) events: u8,
    store: u32,
    pub(crate) holders: [Holder; 2],
    /// How many calls each has made at this instant.
    pub(crate) calls: [u8; 2],
    pub(crate) mail: Option<Mail>,
    /// Until when, in real time, leases of each holder's ids last at the server.
    leased_until: [u32; 2],
}

pub(crate) struct Fleet {
    plan: Plan,
    client: Client,
}

impl Fleet {
    pub(crate) fn new(plan: Plan, source: String) -> Self {
        let client = Client::new(source);
        Self { plan, client }
    }

    fn real(&self, state: &State) -> u32 {
        self.plan.instants[state.at as usize] as u32
    }

    fn clock(&self, state: &State) -> Tick {
        let back = self.plan.step_back.filter(|_| state.stepped_back);
        BASE + Tick::from(self.real(state)) - back.unwrap_or(0)
    }

    /// Writes a call. Its number rises with time, so that there are few numbers.
    fn request(&self, state: &mut State, nth: usize, want: u8) -> Mail {
        let number = u32::from(state.at) * u32::from(self.plan.calls + 1);
        state.calls[nth] += 1;
        let number = number + u32::from(state.calls[nth]);
        let now = self.real(state);
        state.holders[nth].request(nth, want, number, now)
    }

    /// The server gets a call, and its reply arrives at once or never.
    fn deliver(&mut self, state: &mut State, mail: Mail, arrives: bool) -> Result<(), String> {
        let (clock, now) = (self.clock(state), self.real(state));
        let nth = usize::from(mail.holder);
        let before = self.client.out(state.store, clock);
        let own_limit = self.plan.limits[nth];
        let answer = self.client.ask(state.store, clock, mail, own_limit)?;
        state.store = answer.store;
        self.notice(state);
        if answer.is_stale {
            return Ok(());
        }
        let others_ended = now >= state.leased_until[1 - nth];
        let was_alone = others_ended && (mail.life == 0 || now >= state.leased_until[nth]);
        let limit = match others_ended {
            true => own_limit,
            false => own_limit.min(self.plan.limits[1 - nth]),
        };
        state.leased_until[nth] = now + LENGTH as u32;
        let out = self.client.out(state.store, clock);
        if out > before.max(limit) {
            return Err(format!("{out} of {limit} are out"));
        }
        if was_alone && answer.limit == own_limit && answer.count < mail.want.min(own_limit) {
            return Err(format!("{} of {} for one alone", answer.count, mail.want));
        }
        let holder = &mut state.holders[nth];
        if arrives && holder.call == mail.call && holder.lives == mail.life {
            holder.grant(answer.count, answer.target, mail.asked + LENGTH as u32);
        }
        Ok(())
    }

    /// The first call after a step back makes all leases end within a length.
    fn notice(&self, state: &mut State) {
        if std::mem::take(&mut state.is_unnoticed) {
            // Also those that had ended, if the server had not noticed.
            state.leased_until = [self.real(state) + LENGTH as u32; 2];
        }
    }

    fn make(&mut self, state: &mut State, made: Move) -> Result<(), String> {
        match made {
            Move::Wait => {
                state.at += 1;
                state.calls = [0; 2];
                let clock = self.clock(state);
                state.store = self.client.stores.expired(state.store, clock);
            }
            Move::StepBack => {
                state.stepped_back = true;
                state.is_unnoticed = true;
            }
            Move::Use(nth) => state.holders[nth].fill(),
            Move::Finish(nth) => state.holders[nth].finish(),
            Move::Call(nth, want) | Move::CallIsLost(nth, want) => {
                let mail = self.request(state, nth, want);
                self.deliver(state, mail, matches!(made, Move::Call(..)))?;
            }
            Move::CallTwice(nth, want) => {
                let mail = self.request(state, nth, want);
                state.mail = Some(mail);
                self.deliver(state, mail, true)?;
            }
            Move::Send(nth, want) => state.mail = Some(self.request(state, nth, want)),
            Move::Deliver => {
                if let Some(mail) = state.mail.take() {
                    self.deliver(state, mail, true)?;
                }
            }
            Move::Crash(nth) => state.holders[nth].crash(),
        }
        Ok(())
    }

    /// What holders may use is leased to them, and never more than the limit.
    fn check(&self, state: &State) -> Result<(), String> {
        let (clock, now) = (self.clock(state), self.real(state));
        for (nth, holder) in state.holders.iter().enumerate() {
            let id = id(nth as u8, holder.lives);
            let leased = self.client.leased(state.store, clock, &id);
            if now < holder.ends && leased < holder.may_use() {
                return Err(format!("{leased} of {} are leased", holder.may_use()));
            }
        }
        let limit = self.plan.limits.into_iter().max().unwrap();
        let may_use: u8 = state.holders.iter().map(Holder::may_use).sum();
        match may_use <= limit {
            true => Ok(()),
            false => Err(format!("{may_use} of {limit} may be used")),
        }
    }
}

impl World for Fleet {
    type State = State;
    type Move = Move;

    fn start(&self) -> State {
        State::default()
    }

    fn moves(&self, state: &State, moves: &mut Vec<Move>) {
        collect(&self.plan, state, moves);
    }

    fn step(&mut self, mut state: State, made: Move) -> Result<State, String> {
        state.events += u8::from(made.is_rare());
        self.make(&mut state, made)?;
        let now = self.real(&state);
        state
            .holders
            .iter_mut()
            .for_each(|holder| holder.lapse(now));
        if !state.is_unnoticed {
            let ended = state.leased_until.iter_mut().filter(|until| now >= **until);
            ended.for_each(|until| *until = 0);
        }
        self.check(&state)?;
        Ok(state)
    }
}
