//! Every interleaving of the last permit of a key with the next request.

use ::loom::{model, thread};

use crate::concurrency::{Ask, Entry, Local, Queue};

#[test]
fn a_key_whose_gate_is_just_dropped_never_has_two() {
    model(|| {
        let permits = Local::keyed(1);
        let held = permits.acquire(&7, Ask::new());
        let other = thread::spawn(move || drop(held));
        let mine = permits.acquire(&7, Ask::new());
        other.join().unwrap();
        if matches!(mine, Entry::Admitted(_)) {
            assert!(matches!(permits.acquire(&7, Ask::new()), Entry::Refused(_)));
        }
        drop(mine);
        assert_eq!(permits.keys_in_use(), 0);
        assert!(matches!(
            permits.acquire(&7, Ask::new()),
            Entry::Admitted(_)
        ));
    });
}

#[test]
fn a_request_waits_at_the_gate_that_gets_the_permit() {
    model(|| {
        let permits = Local::builder(1).queue(Queue::new(1)).build_keyed();
        let held = permits.acquire(&7, Ask::new());
        let other = thread::spawn(move || drop(held));
        let mine = permits.acquire(&7, Ask::new());
        other.join().unwrap();
        // It has a permit, or was given one.
        assert_eq!(permits.usage().in_flight, 1);
        drop(mine);
        assert_eq!(permits.keys_in_use(), 0);
    });
}
