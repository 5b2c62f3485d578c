//! What was charged, and when: holds as far as they are settled.

use sluicegate::{
    clock::Tick,
    limit::{Cost, Rule},
};

use super::slot::Slot;

/// How many events count at once at most.
const MOST: usize = 12;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Event {
    Charge(u8),
    Credit(u8),
    Reset,
}

/// The events of a bucket that was whole before, each with its instant by the plan.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct History {
    events: [(u8, Event); MOST],
    many: u8,
}

impl std::fmt::Debug for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.events()).finish()
    }
}

const NOTHING: (u8, Event) = (0, Event::Reset);

impl History {
    pub(crate) const EMPTY: Self = Self {
        events: [NOTHING; MOST],
        many: 0,
    };

    fn events(&self) -> &[(u8, Event)] {
        &self.events[..usize::from(self.many)]
    }

    /// Adds an event, and returns its place.
    pub(crate) fn add(&mut self, at: u8, event: Event) -> u8 {
        let place = self.many;
        self.events[usize::from(place)] = (at, event);
        self.many += 1;
        place
    }

    /// Leaves only a part of a charge.
    pub(crate) fn reduce(&mut self, place: u8, cost: u8) {
        self.events[usize::from(place)].1 = Event::Charge(cost);
    }

    /// What a bucket has left after all of that.
    pub(crate) fn remaining<R: Rule>(
        &self,
        rule: &R,
        now: Tick,
        when: impl Fn(u8) -> Tick,
    ) -> Cost {
        let mut state = R::State::default();
        for event in self.events() {
            apply(rule, &mut state, *event, &when);
        }
        rule.decide(&mut state, now, 0).remaining()
    }

    /// Drops what has no effect any more: charges of nothing, and all before an event
    /// at which the bucket was whole. `slots` keep the places of theirs.
    pub(crate) fn shorten<R: Rule>(
        &mut self,
        rule: &R,
        now: u8,
        when: impl Fn(u8) -> Tick,
        slots: &mut [Option<Slot>],
    ) {
        let is_open = |slots: &[Option<Slot>], place| {
            let mut open = slots.iter().flatten();
            open.any(|slot| slot.event == Some(place))
        };
        let (mut state, mut begin, mut open) = (R::State::default(), 0, false);
        for place in 0..=self.many {
            let at = self.events().get(usize::from(place)).map_or(now, |it| it.0);
            if !open && rule.life(&state, when(at)) == 0 {
                (state, begin) = (R::State::default(), place);
            }
            if let Some(event) = self.events().get(usize::from(place)) {
                open |= is_open(slots, place);
                apply(rule, &mut state, *event, &when);
            }
        }
        let (mut kept, mut moved) = (Self::EMPTY, [None; MOST]);
        for place in begin..self.many {
            let (at, event) = self.events[usize::from(place)];
            let open = is_open(slots, place);
            if !open && event == Event::Charge(0) {
                continue;
            }
            let last = usize::from(kept.many).checked_sub(1);
            if let (Event::Charge(cost), Some(last), false) = (event, last, open)
                && let (same, Event::Charge(before)) = kept.events[last]
                && same == at
                && !moved.contains(&Some(last as u8))
            {
                kept.events[last].1 = Event::Charge(before + cost);
                continue;
            }
            let new = kept.add(at, event);
            if open {
                moved[usize::from(place)] = Some(new);
            }
        }
        for slot in slots.iter_mut().flatten() {
            slot.event = slot.event.and_then(|place| moved[usize::from(place)]);
        }
        *self = kept;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.many == 0
    }
}

fn apply<R: Rule>(
    rule: &R,
    state: &mut R::State,
    (at, event): (u8, Event),
    when: &impl Fn(u8) -> Tick,
) {
    match event {
        Event::Charge(cost) => rule.debit(state, when(at), cost.into()),
        Event::Credit(cost) => rule.credit(state, when(at), cost.into()),
        Event::Reset => *state = R::State::default(),
    }
}
