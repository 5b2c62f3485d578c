//! Instances of one fleet, and its law.

use sluicegate::clock::Tick;

use super::{
    client::{Client, LIFE, Mail},
    moves::{Move, Plan, collect},
};
use crate::{plan::BASE, search::World};

/// The most instances.
const MOST: usize = 3;

/// An instance, as it knows itself.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub(super) struct Instance {
    /// How often it began anew.
    life: u8,
    /// How high its limit may be; 0 if no reply told it.
    bound: u8,
    /// The number of its last call.
    call: u32,
    /// Until when it counts, in real time; 0 if it does not.
    counts_until: u32,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub(super) struct State {
    /// The index of the instant.
    pub(super) at: u8,
    pub(super) stepped_back: bool,
    /// Rare events so far.
    pub(super) events: u8,
    store: u32,
    pub(super) instances: [Instance; MOST],
    /// Whether each has called at this instant.
    pub(super) has_called: [bool; MOST],
    pub(super) mail: Option<Mail>,
    /// Until when what each was before it began anew still counts.
    former_until: [u32; MOST],
    /// Since when the server has its data, in real time; `None` if it has none.
    since: Option<u32>,
}

pub(super) struct Fleet {
    plan: Plan,
    client: Client,
}

impl Fleet {
    pub(super) fn new(plan: Plan, source: String) -> Self {
        let client = Client::new(plan.max, plan.max_age, source);
        Self { plan, client }
    }

    fn real(&self, state: &State) -> u32 {
        self.plan.instants[usize::from(state.at)] as u32
    }

    fn clock(&self, state: &State) -> Tick {
        let back = self.plan.step_back.filter(|_| state.stepped_back);
        BASE + Tick::from(self.real(state)) - back.unwrap_or(0)
    }

    /// Writes a call. Its number rises with time, so that there are few numbers.
    fn request(&self, state: &mut State, nth: usize, want: u8) -> Mail {
        state.has_called[nth] |= want > 0;
        let instance = &mut state.instances[nth];
        instance.call = 2 * u32::from(state.at) + 1 + u32::from(want == 0);
        Mail {
            instance: nth as u8,
            life: instance.life,
            call: instance.call,
            held: instance.bound,
            want,
        }
    }

    /// The server gets a call, and its reply arrives at once or never.
    fn deliver(&mut self, state: &mut State, mail: Mail, arrives: bool) -> Result<(), String> {
        let (clock, now) = (self.clock(state), self.real(state));
        let answer = self.client.ask(state.store, clock, mail)?;
        state.store = answer.store;
        let nth = usize::from(mail.instance);
        if answer.is_stale {
            return Ok(());
        }
        if mail.life != state.instances[nth].life {
            state.former_until[nth] = now + LIFE as u32;
            return Ok(());
        }
        let since = *state.since.get_or_insert(now);
        if mail.want == 0 {
            return Ok(());
        }
        let mut others = state.instances.iter().enumerate();
        let is_alone = others.all(|(it, other)| it == nth || now >= other.counts_until)
            && state.former_until.iter().all(|until| now >= *until);
        // Until it was there for a life, nobody gets more than it has.
        let is_open = since + (LIFE as u32) <= now && !state.stepped_back;
        let wanted = mail.want.min(self.plan.max);
        if is_alone && is_open && self.plan.max_age == 0 && answer.bound < wanted {
            return Err(format!("{} of {wanted} for one alone", answer.bound));
        }
        let instance = &mut state.instances[nth];
        instance.counts_until = now + LIFE as u32;
        if arrives && instance.call == mail.call {
            instance.bound = answer.bound;
        }
        Ok(())
    }

    fn make(&mut self, state: &mut State, made: Move) -> Result<(), String> {
        match made {
            Move::Wait => self.wait(state),
            Move::StepBack => state.stepped_back = true,
            Move::Flush => (state.store, state.since) = (0, None),
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
            Move::Leave(nth) => {
                let mail = self.request(state, nth, 0);
                self.deliver(state, mail, true)?;
                state.instances[nth].begin_anew();
            }
            Move::Crash(nth) => {
                let until = state.instances[nth].counts_until;
                state.former_until[nth] = state.former_until[nth].max(until);
                state.instances[nth].begin_anew();
            }
        }
        Ok(())
    }

    fn wait(&mut self, state: &mut State) {
        state.at += 1;
        state.has_called = [false; MOST];
        let (clock, now) = (self.clock(state), self.real(state));
        state.store = self.client.stores.expired(state.store, clock);
        // One that has not reached the server for a life keeps its bound, and others get
        // its share. Here it has crashed.
        let ended = |it: &&mut Instance| it.counts_until > 0 && now >= it.counts_until;
        let ended = state.instances.iter_mut().filter(ended);
        ended.for_each(Instance::begin_anew);
        let over = state.former_until.iter_mut().filter(|until| now >= **until);
        over.for_each(|until| *until = 0);
    }

    /// The bounds in force are no more than the maximum together, but for those of 1.
    fn check(&self, state: &State) -> Result<(), String> {
        let bounds = || state.instances.iter().map(|it| it.bound);
        let (sum, max): (u8, u8) = (bounds().sum(), self.plan.max);
        let least = bounds().filter(|bound| *bound == 1).count() as u8;
        match sum <= max + least {
            true => Ok(()),
            false => Err(format!("{sum} of {max} with {least} at 1")),
        }
    }
}

impl Instance {
    fn begin_anew(&mut self) {
        *self = Self {
            life: self.life + 1,
            ..Self::default()
        };
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
        self.check(&state)?;
        Ok(state)
    }
}
