//! All that can happen to one event, breadth first.

use std::collections::{HashMap, HashSet, VecDeque};

use super::world::{Takeover, World};
use crate::event::State;

/// Returns all worlds that can be reached, with those that each leads to.
fn search(takeover: Takeover) -> HashMap<World, Vec<World>> {
    let mut known = HashMap::new();
    let mut open = VecDeque::from([World::new()]);
    while let Some(world) = open.pop_front() {
        // Counting takes without a bound would make the search endless.
        if known.contains_key(&world) || world.row.takes > 5 {
            continue;
        }
        let next = world.next(takeover);
        open.extend(next.iter().cloned());
        known.insert(world, next);
    }
    known
}

#[test]
fn nothing_is_booked_twice_whatever_the_idempotency_store_forgets() {
    for takeover in [Takeover::Refuse, Takeover::Rerun, Takeover::Forgotten] {
        let worlds = search(takeover);
        assert!(worlds.len() > 1_000, "{}", worlds.len());
        for world in worlds.keys() {
            let completed = world.row.state == State::Completed;
            assert_eq!(world.booked, u32::from(completed), "{world:?}");
        }
    }
}

#[test]
fn under_refuse_no_round_is_charged_twice() {
    for world in search(Takeover::Refuse).keys() {
        assert!(world.charges.iter().all(|times| *times <= 1), "{world:?}");
    }
}

#[test]
fn the_search_can_find_a_second_charge() {
    for takeover in [Takeover::Rerun, Takeover::Forgotten] {
        let worlds = search(takeover);
        let twice = |world: &World| world.charges.iter().any(|times| *times > 1);
        assert!(worlds.keys().any(twice), "{takeover:?}");
    }
}

#[test]
fn from_every_point_an_event_can_come_to_an_end() {
    let worlds = search(Takeover::Refuse);
    let mut ending: HashSet<&World> = worlds.keys().filter(|world| world.is_ended()).collect();
    loop {
        let leads = |next: &[World]| next.iter().any(|world| ending.contains(world));
        let more = worlds
            .iter()
            .filter(|(world, next)| !ending.contains(world) && leads(next));
        let more: Vec<&World> = more.map(|(world, _)| world).collect();
        if more.is_empty() {
            break;
        }
        ending.extend(more);
    }
    let stuck = worlds.keys().find(|world| {
        // Worlds at the bound of the search have no moves to follow.
        !ending.contains(world) && world.row.takes < 5
    });
    assert_eq!(stuck, None);
}
