//! Traffic of one client without chance.

use sluicegate::clock::Tick;

use super::pattern::{MS, Pattern, Request, SECOND, Scale};

/// A request every 80 ms.
pub(super) fn steady(scale: Scale) -> Pattern {
    let about = "One client sends 12.5 requests a second, evenly.";
    let requests = train(0, scale.duration(), 80 * MS);
    Pattern::new(scale, "steady", "steady", about).requests(requests)
}

/// 80 requests in two seconds, then eight seconds without.
pub(super) fn on_off(scale: Scale) -> Pattern {
    let about = "One client sends 40 requests a second for 2 seconds, pauses for 8, and repeats.";
    let begins = (0..scale.duration()).step_by(10 * SECOND as usize);
    let requests = begins.flat_map(|begin| train(begin, begin + 2 * SECOND, 25 * MS));
    Pattern::new(scale, "on-off", "on-off bursts", about).requests(requests)
}

/// 150 requests just before the turn of a window of 10 seconds and as many just
/// after it, every 40 seconds. One request opens the window before, for peers whose
/// windows begin with their first request.
pub(super) fn turn(scale: Scale) -> Pattern {
    let about = "One client sends 150 requests in the last 200 ms of a window of 10 seconds and \
                 150 in the first 200 ms of the next.";
    let begins = (0..scale.duration()).step_by(40 * SECOND as usize);
    let requests = begins.flat_map(|begin| {
        let turn = begin + 10 * SECOND;
        let opening = train(begin, begin + 1, 1);
        let burst = train(turn - 200 * MS, turn + 200 * MS, 400 * MS / 300);
        opening.chain(burst)
    });
    Pattern::new(scale, "turn", "a burst across a window's turn", about).requests(requests)
}

/// Requests of client 0 from `begin` until before `end`.
fn train(begin: Tick, end: Tick, gap: Tick) -> impl Iterator<Item = Request> {
    let times = (begin..end).step_by(gap as usize);
    times.map(|at| Request { at, client: 0 })
}
