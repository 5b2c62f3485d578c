//! Holders of one bucket, others that use it, and time.

use sluicegate::{
    clock::Tick,
    limit::{Cost, Scripted},
};

use super::{
    books::{Notes, close, has_bucket, has_set, open},
    client::{Answer, Charge, Client, Lease, Request},
    history::{Event, History},
    moves::{Move, collect},
    plan::Plan,
    slot::{Holder, Phase, Since, Slot},
};
use crate::{plan::BASE, search::World};

/// How many holds there are at once.
const SLOTS: usize = 2;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct State {
    /// The index of the instant.
    pub(crate) at: u8,
    /// Rare events so far.
    pub(crate) events: u8,
    /// Holds so far, since there was none.
    pub(crate) made: u8,
    store: u32,
    history: History,
    /// Whether the bucket has to have exactly what the history leaves.
    is_exact: bool,
    pub(crate) slots: [Option<Slot>; SLOTS],
    /// A share that is leased, and when it ends.
    pub(crate) lease: Option<(Lease, Tick)>,
    /// How often the server's clock stepped back.
    pub(crate) steps_back: u8,
}

pub(crate) struct Holders<R> {
    plan: Plan,
    /// Whether a charge can be taken back whatever came since but credits and resets.
    adds_up: bool,
    client: Client<R>,
}

type Outcome<T = ()> = Result<T, String>;

impl<R: Scripted> Holders<R> {
    pub(crate) fn new(plan: Plan, rule: R, adds_up: bool, sources: &[String]) -> Self {
        let client = Client::new(rule, plan.term, plan.together, sources);
        Self {
            plan,
            adds_up,
            client,
        }
    }

    /// An instant of the plan, by a clock that never steps back.
    fn real(&self, at: u8) -> Tick {
        BASE + self.plan.instants[usize::from(at)]
    }

    /// The present instant by the server's clock.
    fn clock(&self, state: &State) -> Tick {
        let steps = &self.plan.steps_back[..usize::from(state.steps_back)];
        self.real(state.at) - steps.iter().sum::<Tick>()
    }

    /// What the bucket may have left.
    fn at_most(&self, state: &State) -> Cost {
        let when = |at| self.real(at);
        let (rule, now) = (&self.client.rule, self.real(state.at));
        state.history.remaining(rule, now, when)
    }

    /// Asks, and checks that the books balance.
    fn ask(&mut self, state: &mut State, request: Request) -> Outcome<Answer> {
        let answer = self.client.ask(state.store, self.clock(state), request)?;
        let [before, after] =
            [state.store, answer.store].map(|it| open(self.client.stores.get(it)));
        if answer.notes.opened() != after - before {
            return Err(format!(
                "{:?}, and {} more open",
                answer.notes,
                after - before
            ));
        }
        state.store = answer.store;
        Ok(answer)
    }

    /// Ends the holds whose terms are over, as the next operation of a hold does.
    fn lapse(&self, state: &mut State) -> u64 {
        let now = self.clock(state);
        let mut many = 0;
        for place in 0..SLOTS {
            let Some(slot) = &mut state.slots[place] else {
                continue;
            };
            if slot.is_kept && slot.is_open() && slot.ends(self.plan.term) <= now {
                slot.phase = Phase::Lapsed;
                many += 1;
                if slot.gives_back {
                    self.release(state, place, 0);
                }
            }
        }
        many
    }

    fn check(&mut self, state: &mut State, cost: u8) -> Outcome {
        let at_most = self.at_most(state);
        if self.ask(state, Request::Check(cost))?.count == 1 {
            pass(state, at_most, cost)?;
        }
        Ok(())
    }

    fn hold(&mut self, state: &mut State, cost: u8, gives_back: bool, holder: Holder) -> Outcome {
        state.made += 1;
        let free = state.slots.iter().position(Option::is_none);
        let id = free.expect("there is room");
        let lapsed = self.lapse(state);
        let at_most = self.at_most(state);
        let answer = self.ask(state, Request::Hold(id, cost, gives_back))?;
        if answer.lapsed != lapsed {
            return Err(format!("{} lapsed instead of {lapsed}", answer.lapsed));
        }
        if answer.count == 0 {
            return Ok(());
        }
        if answer.notes.charged != i64::from(cost) {
            return Err(format!("{:?} for {cost}", answer.notes));
        }
        let event = pass(state, at_most, cost)?;
        let slot = slot(cost, answer.charge, event);
        state.slots[id] = Some(Slot {
            gives_back,
            holder,
            ..slot
        });
        Ok(())
    }

    /// Charges what may be taken back.
    fn charge(&mut self, state: &mut State, cost: u8) -> Outcome {
        state.made += 1;
        let free = state.slots.iter().position(Option::is_none);
        let at_most = self.at_most(state);
        let answer = self.ask(state, Request::Charge(cost))?;
        if answer.count == 1 {
            let event = pass(state, at_most, cost)?;
            let slot = slot(cost, answer.charge, event);
            state.slots[free.expect("there is room")] = Some(Slot {
                is_undone: true,
                ..slot
            });
        }
        Ok(())
    }

    /// A settlement arrives.
    fn settle(&mut self, state: &mut State, place: usize, actual: u8) -> Outcome {
        let slot = state.slots[place].expect("it was chosen");
        if !slot.is_kept {
            return self.settle_untracked(state, place, actual);
        }
        let lapsed = self.lapse(state);
        let was_open = state.slots[place].is_some_and(|slot| slot.is_open());
        // The record goes as it was when the hold was made.
        let record = Slot {
            phase: Phase::Open,
            holder: Holder::Works,
            event: None,
            ..slot
        };
        let answer = self.ask(state, Request::Settle(place, record, actual))?;
        if (answer.count == 1, answer.lapsed) != (was_open, lapsed) {
            return Err(format!("{answer:?}, but {was_open} and {lapsed} lapsed"));
        }
        let stays = was_open || !slot.gives_back;
        let charged = if stays { slot.cost } else { 0 };
        let over = actual.saturating_sub(charged);
        self.balances(answer.notes, over)?;
        if was_open {
            state.slots[place].as_mut().expect("it is there").phase = Phase::Settled;
            self.release(state, place, actual.min(slot.cost));
        }
        if over > 0 {
            add(state, Event::Charge(over));
        }
        Ok(())
    }

    fn balances(&self, notes: Notes, over: u8) -> Outcome {
        match notes.charged == i64::from(over) {
            true => Ok(()),
            false => Err(format!("{notes:?} for {over} more")),
        }
    }

    /// A hold that is not in the set is settled like any other charge.
    fn settle_untracked(&mut self, state: &mut State, place: usize, actual: u8) -> Outcome {
        let slot = state.slots[place].expect("it was chosen");
        match slot.cost.checked_sub(actual) {
            Some(0) => {}
            Some(back) => {
                // The record goes as it was when the charge was made.
                let charge = Slot {
                    holder: Holder::Works,
                    event: None,
                    since: Since::Nothing,
                    ..slot
                };
                self.ask(state, Request::Undo(back, charge))?;
                self.release(state, place, actual);
            }
            None => {
                let over = actual - slot.cost;
                self.ask(state, Request::Debit(over))?;
                add(state, Event::Charge(over));
            }
        }
        state.slots[place].as_mut().expect("it is there").phase = Phase::Settled;
        Ok(())
    }

    fn make(&mut self, state: &mut State, made: Move) -> Outcome {
        let holder = |state: &mut State, place: usize, holder| {
            state.slots[place].as_mut().expect("it was chosen").holder = holder;
        };
        match made {
            Move::Wait => {
                state.at += 1;
                let clock = self.clock(state);
                state.lease.take_if(|(_, ends)| clock >= *ends);
                state.store = self.client.stores.expired(state.store, clock);
                if !has_set(self.client.stores.get(state.store)) {
                    forget_holds(state);
                }
            }
            Move::Check(cost) => self.check(state, cost)?,
            Move::StepBack => {
                state.steps_back += 1;
                state.is_exact = false;
            }
            Move::Charge(cost) => self.charge(state, cost)?,
            Move::Hold(cost, gives_back) => self.hold(state, cost, gives_back, Holder::Works)?,
            Move::HoldIsLost(cost, gives_back) => {
                self.hold(state, cost, gives_back, Holder::Gone)?;
            }
            Move::Settle(place, actual) => {
                self.settle(state, place, actual)?;
                holder(state, place, Holder::Gone);
            }
            Move::SendSettle(place, actual) => holder(state, place, Holder::HasSent(actual)),
            Move::SettleTwice(place, actual) => {
                self.settle(state, place, actual)?;
                holder(state, place, Holder::HasSent(actual));
            }
            Move::Deliver(place) => {
                let slot = state.slots[place].expect("it was chosen");
                if let Holder::HasSent(actual) = slot.holder {
                    self.settle(state, place, actual)?;
                }
                holder(state, place, Holder::Gone);
            }
            Move::Crash(place) => holder(state, place, Holder::Gone),
            Move::Credit(cost) => {
                self.ask(state, Request::Credit(cost))?;
                add(state, Event::Credit(cost));
            }
            Move::Lease => self.lease(state)?,
            Move::Spend => self.spend(state)?,
            Move::Return => {
                if let Some((lease, _)) = state.lease.take() {
                    self.ask(state, Request::Return(lease))?;
                }
            }
            Move::Reset => {
                self.ask(state, Request::Reset)?;
                add(state, Event::Reset);
                // It gives back all that is held.
                forget_holds(state);
            }
        }
        Ok(())
    }

    fn lease(&mut self, state: &mut State) -> Outcome {
        let none = Lease {
            left: 0,
            spent: 0,
            term: 0,
        };
        let answer = self.ask(state, Request::Lease(none))?;
        let (term, ends) = answer.lease;
        let left = answer.count as u8;
        state.lease = (left > 0).then_some((Lease { left, term, ..none }, ends));
        Ok(())
    }

    fn spend(&mut self, state: &mut State) -> Outcome {
        let at_most = self.at_most(state);
        if let Some((lease, _)) = &mut state.lease {
            lease.left -= 1;
            lease.spent += 1;
        }
        pass(state, at_most, 1).map(drop)
    }

    /// Leaves only a part of the charge of a hold. What is left is exact only if no
    /// other charge came since.
    fn release(&self, state: &mut State, place: usize, cost: u8) {
        let slot = state.slots[place].as_mut().expect("it is there");
        let is_exact = match slot.since {
            Since::Nothing => true,
            Since::Charges => self.adds_up,
            Since::Credits => false,
        };
        if let Some(event) = slot.event.take() {
            state.is_exact &= is_exact || cost >= slot.cost;
            state.history.reduce(event, cost);
        }
    }

    /// Equivalent states are one.
    fn tidy(&mut self, state: &mut State) -> Outcome {
        for slot in &mut state.slots {
            slot.take_if(|slot| slot.is_over());
        }
        let rule = &self.client.rule;
        state
            .history
            .shorten(rule, state.at, |at| self.real(at), &mut state.slots);
        if !state.slots.iter().flatten().any(Slot::is_open) {
            let mut store = self.client.stores.get(state.store).clone();
            close(&mut store)?;
            state.store = self.client.stores.number(store);
            state.made = 0;
        }
        let is_whole = |this: &mut Self, state: &State| {
            let now = this.clock(state);
            let left = this.client.ask(state.store, now, Request::Check(0));
            left.is_ok_and(|left| left.remaining == this.at_most(state))
        };
        state.is_exact |= !self.plan.leases && state.history.is_empty() && is_whole(self, state);
        Ok(())
    }

    /// The law for what is left.
    fn judge(&mut self, state: &State) -> Outcome {
        let at_most = self.at_most(state);
        let clock = self.clock(state);
        let left = self
            .client
            .ask(state.store, clock, Request::Check(0))?
            .remaining;
        match left <= at_most && (left == at_most || !state.is_exact) {
            true => Ok(()),
            false => Err(format!(
                "{left} left instead of {at_most}: {:?}",
                state.history
            )),
        }
    }
}

/// The set of holds has gone: it expired long after they and the bucket were over,
/// or with a reset.
fn forget_holds(state: &mut State) {
    for slot in state.slots.iter_mut().flatten() {
        if slot.is_kept && slot.is_open() {
            slot.phase = Phase::Lapsed;
        }
    }
}

/// Something happens to the bucket, after all that is held.
fn add(state: &mut State, event: Event) -> u8 {
    let since = match event {
        Event::Charge(_) => Since::Charges,
        Event::Credit(_) | Event::Reset => Since::Credits,
    };
    for slot in state.slots.iter_mut().flatten() {
        slot.since = slot.since.max(since);
    }
    state.history.add(state.at, event)
}

/// An open charge, whose holder works.
fn slot(cost: u8, charge: Charge, event: u8) -> Slot {
    let Charge {
        at,
        mark,
        given_back,
        is_kept,
    } = charge;
    Slot {
        cost,
        gives_back: false,
        at,
        mark,
        given_back,
        is_kept,
        is_undone: false,
        phase: Phase::Open,
        holder: Holder::Works,
        event: Some(event),
        since: Since::Nothing,
    }
}

/// Something passes that has to be there.
fn pass(state: &mut State, at_most: Cost, cost: u8) -> Outcome<u8> {
    match Cost::from(cost) <= at_most {
        true => Ok(add(state, Event::Charge(cost))),
        false => Err(format!("{cost} of {at_most} passed")),
    }
}

impl<R: Scripted> World for Holders<R> {
    type State = State;
    type Move = Move;

    fn start(&self) -> State {
        State {
            at: 0,
            events: 0,
            made: 0,
            store: 0,
            history: History::EMPTY,
            // What is leased is charged before it is spent.
            is_exact: !self.plan.leases,
            slots: [None; SLOTS],
            lease: None,
            steps_back: 0,
        }
    }

    fn moves(&self, state: &State, moves: &mut Vec<Move>) {
        // A clock that steps back behind the life of a bucket leaves no trace, so a
        // charge of before can give back what had come back by itself.
        let is_remembered = has_bucket(self.client.stores.get(state.store));
        let is_open = |slot: &Slot| slot.is_open();
        let is_remembered = is_remembered || !state.slots.iter().flatten().any(is_open);
        collect(&self.plan, state, is_remembered, moves);
    }

    fn step(&mut self, mut state: State, made: Move) -> Outcome<State> {
        state.events += u8::from(made.is_rare());
        self.make(&mut state, made)?;
        self.judge(&state)?;
        self.tidy(&mut state)?;
        Ok(state)
    }
}
