//! Many clients behind one bucket.

use super::{
    super::random::Random,
    pattern::{MS, Pattern, Reaction, Request, SECOND, Scale},
    random::poisson_times,
};

/// 200 clients that all come back within 100 ms after an outage.
pub(super) fn herd(scale: Scale, mut random: Random) -> Pattern {
    const CLIENTS: u32 = 200;
    let about = "200 clients on one bucket send 5 requests a second. In an outage of a sixth of \
                 the time nothing arrives; after it all of them come within 100 ms. Refused \
                 clients retry each second, up to 10 times.";
    let (begin, end) = (scale.duration() / 3, scale.duration() / 2);
    let times: Vec<_> = poisson_times(&mut random, 200 * MS, scale.duration()).collect();
    let calm = times
        .into_iter()
        .filter(|at| !(begin..end).contains(at))
        .map(|at| Request {
            at,
            client: random.below(CLIENTS.into()) as u32,
        });
    let calm: Vec<_> = calm.collect();
    let rush = (0..CLIENTS).map(|client| Request {
        at: end + random.below(100 * MS),
        client,
    });
    let retry = Reaction::Retry {
        pause: SECOND,
        attempts: 10,
    };
    Pattern::new(scale, "herd", "a thundering herd after an outage", about)
        .clients(CLIENTS)
        .reaction(retry)
        .requests(calm.into_iter().chain(rush))
}

/// 30 clients that wait for each answer, and think before the next request.
pub(super) fn slow_clients(scale: Scale, mut random: Random) -> Pattern {
    const CLIENTS: u32 = 30;
    let about = "30 clients on one bucket wait for each answer, which takes 500 ms, and think for \
                 0.5 to 1.5 seconds before the next request.";
    let begins: Vec<_> = (0..CLIENTS)
        .map(|client| Request {
            at: random.below(2 * SECOND),
            client,
        })
        .collect();
    let thinking = (0..997).map(|_| 500 * MS + random.below(SECOND));
    let thinking = Reaction::Continue {
        service: 500 * MS,
        thinking: thinking.collect(),
    };
    Pattern::new(scale, "slow-clients", "slow clients", about)
        .clients(CLIENTS)
        .reaction(thinking)
        .requests(begins)
}

/// Nine clients with a request a second, and one with 1,000.
pub(super) fn attacker(scale: Scale, mut random: Random) -> Pattern {
    const HONEST: u32 = 9;
    let about = "9 clients send a request a second each. A tenth one on the same bucket sends \
                 1,000 a second, which is 100 times the limit.";
    let honest: Vec<_> = (0..HONEST)
        .flat_map(|client| {
            let times: Vec<_> = poisson_times(&mut random, SECOND, scale.duration()).collect();
            times.into_iter().map(move |at| Request { at, client })
        })
        .collect();
    let attack = (0..scale.duration())
        .step_by(MS as usize)
        .map(|at| Request { at, client: HONEST });
    Pattern::new(
        scale,
        "attacker",
        "an attacker at 100 times the limit",
        about,
    )
    .clients(HONEST + 1)
    .requests(honest.into_iter().chain(attack))
}
