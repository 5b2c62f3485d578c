//! Windows: what passes around a turn, and in any span.

use lab::compare::figures::most_in_any_window;

use crate::support::{SECOND, flood, passages};

/// 100 attempts just before the turn of a window of 10 seconds, and 100 at it.
fn around_the_turn() -> impl Iterator<Item = u64> {
    let turn = 10 * SECOND;
    // The first opens a window for the peers.
    [0].into_iter().chain(turn - 100..turn + 100)
}

#[test]
fn a_fixed_window_admits_twice_the_limit_across_its_turn() {
    let turn = 10 * SECOND;
    let passed = passages("fixed-window", "100/10s", turn - 100..turn + 100);
    assert_eq!(passed.len(), 200);
    assert_eq!(most_in_any_window(&passed, 200), 200);
}

/// The request that opens the window counts in it.
#[test]
fn the_windows_of_peers_admit_nearly_twice_the_limit_across_their_turn() {
    for id in ["resilience-fixed", "limitador"] {
        let passed = passages(id, "100/10s", around_the_turn());
        assert_eq!(most_in_any_window(&passed, 200), 199, "{id}");
    }
}

#[test]
fn a_log_admits_the_limit_and_no_more_across_a_turn() {
    for id in ["sliding-log", "resilience-log"] {
        let passed = passages(id, "100/10s", around_the_turn());
        assert_eq!(most_in_any_window(&passed, 10 * SECOND), 100, "{id}");
    }
}

#[test]
fn a_log_under_a_flood_admits_the_limit_in_its_fullest_window() {
    for id in ["sliding-log", "resilience-log"] {
        let passed = passages(id, "100/10s", flood(35));
        assert_eq!(most_in_any_window(&passed, 10 * SECOND), 100, "{id}");
        assert_eq!(passed.len(), 400, "{id}");
    }
}

#[test]
fn a_counter_admits_no_more_than_the_limit_in_a_window_of_its_own() {
    let passed = passages("sliding-window", "100/10s", flood(60));
    for begin in (0..60).step_by(10) {
        let window = begin * SECOND..(begin + 10) * SECOND;
        let inside = passed.iter().filter(|at| window.contains(at)).count();
        assert!(inside <= 100, "{inside} from {begin} s on");
    }
}

/// The whole limit at the end of one window: then used = limit * (W - e) + current *
/// W, so at most limit * e / W pass until e. In a span of W that is 2 * limit - 1.
#[test]
fn a_counter_nears_twice_the_limit_at_worst_and_never_reaches_it() {
    let turn = 10 * SECOND;
    let worst = (turn - 100..turn).chain((turn..2 * turn).step_by(1_000));
    let passed = passages("sliding-window", "100/10s", worst);
    let most = most_in_any_window(&passed, turn);
    assert!((190..200).contains(&most), "{most}");
    let at_the_turn = passed.iter().filter(|at| **at < turn + SECOND).count();
    assert!((100..=110).contains(&at_the_turn), "{at_the_turn}");
}
