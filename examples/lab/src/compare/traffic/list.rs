//! All patterns, in the order of the report.

use super::{
    super::random::Random,
    crowds, even,
    pattern::{Pattern, Scale},
    random, retries,
};

/// Returns all patterns. The same seed gives the same requests.
pub fn patterns(seed: u64, scale: Scale) -> Vec<Pattern> {
    // A stream for each, so that a change of one does not change the others.
    let stream = |number| Random::new(seed, number);
    vec![
        even::steady(scale),
        even::on_off(scale),
        even::turn(scale),
        random::poisson(scale, stream(1)),
        crowds::herd(scale, stream(2)),
        random::hot_client(scale, stream(3)),
        crowds::slow_clients(scale, stream(4)),
        crowds::attacker(scale, stream(5)),
        // The same stream: the same requests, under another reaction.
        retries::retry_at_once(scale, stream(6)),
        retries::retry_after(scale, stream(6)),
    ]
}
