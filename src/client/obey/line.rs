//! The calls that wait for one peer: first come, first served.
//!
//! Only the first one looks at the time. The others wait until it has left.

use std::{collections::VecDeque, task::Waker};

/// A place in the line. Later places have greater numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(u64);

/// The line of a peer.
#[derive(Debug, Default)]
pub(super) struct Line {
    places: VecDeque<(Place, Option<Waker>)>,
    next: u64,
}

impl Line {
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Takes a place at the end.
    pub(super) fn join(&mut self) -> Place {
        let place = Place(self.next);
        self.next += 1;
        self.places.push_back((place, None));
        place
    }

    pub(super) fn is_first(&self, place: Place) -> bool {
        self.places
            .front()
            .is_some_and(|(first, _)| *first == place)
    }

    /// Sets who is woken when this place becomes the first, or when the first
    /// has to look at the time again.
    pub(super) fn register(&mut self, place: Place, waker: &Waker) {
        let Some(index) = self.index(place) else {
            return;
        };
        match &mut self.places[index].1 {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    /// Gives up a place. Returns who is to be woken because it is first now.
    #[must_use]
    pub(super) fn leave(&mut self, place: Place) -> Option<Waker> {
        let index = self.index(place)?;
        self.places.remove(index);
        if index == 0 { self.wake_first() } else { None }
    }

    /// Returns who is to be woken because something has changed for the first.
    #[must_use]
    pub(super) fn wake_first(&mut self) -> Option<Waker> {
        self.places.front_mut()?.1.take()
    }

    fn index(&self, place: Place) -> Option<usize> {
        self.places.binary_search_by_key(&place, |(it, _)| *it).ok()
    }
}
