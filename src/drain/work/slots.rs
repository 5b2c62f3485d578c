//! A list whose places are used again, so that requests enter and leave it
//! without an allocation.

/// Values at numbered places.
#[derive(Debug)]
pub(super) struct Slots<T> {
    slots: Vec<ListSlot<T>>,
    /// The first free place.
    free: Option<u32>,
    len: usize,
}

#[derive(Debug)]
enum ListSlot<T> {
    /// Unused; the next free place follows.
    Free(Option<u32>),
    Used(T),
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: None,
            len: 0,
        }
    }
}

impl<T> Slots<T> {
    /// Adds a value, and returns its place.
    pub(super) fn add(&mut self, value: T) -> u32 {
        self.len += 1;
        let Some(place) = self.free else {
            self.slots.push(ListSlot::Used(value));
            return u32::try_from(self.slots.len() - 1).expect("less than 2^32 requests at once");
        };
        let slot = &mut self.slots[place as usize];
        if let ListSlot::Free(next) = slot {
            self.free = *next;
        }
        *slot = ListSlot::Used(value);
        place
    }

    /// Takes the value out of its place.
    pub(super) fn remove(&mut self, place: u32) -> Option<T> {
        let slot = self.slots.get_mut(place as usize)?;
        if matches!(slot, ListSlot::Free(_)) {
            return None;
        }
        let before = std::mem::replace(slot, ListSlot::Free(self.free));
        self.free = Some(place);
        self.len -= 1;
        match before {
            ListSlot::Used(value) => Some(value),
            ListSlot::Free(_) => None,
        }
    }

    pub(super) fn get_mut(&mut self, place: u32) -> Option<&mut T> {
        match self.slots.get_mut(place as usize)? {
            ListSlot::Used(value) => Some(value),
            ListSlot::Free(_) => None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().filter_map(|slot| match slot {
            ListSlot::Used(value) => Some(value),
            ListSlot::Free(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_used_again_and_values_stay_at_theirs() {
        let mut slots = Slots::default();
        let places = [10, 20, 30].map(|value| slots.add(value));
        assert_eq!(slots.remove(places[1]), Some(20));
        assert_eq!(slots.remove(places[1]), None);
        assert_eq!(slots.remove(places[0]), Some(10));
        assert_eq!(slots.len(), 1);
        assert_eq!(slots.add(40), places[0]);
        assert_eq!(slots.add(50), places[1]);
        assert_eq!(slots.add(60), 3);
        assert_eq!(slots.iter().copied().collect::<Vec<_>>(), [40, 50, 30, 60]);
        assert_eq!(slots.get_mut(places[2]), Some(&mut 30));
    }
}
