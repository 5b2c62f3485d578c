//! Clients that retry until their requests pass.

use super::{
    super::random::Random,
    pattern::{MS, Pattern, Reaction, Request, SECOND, Scale},
    random::poisson_times,
};

/// The clients, which send a request a second each.
const CLIENTS: u32 = 15;

/// A retry 20 ms after each refusal.
pub(super) fn retry_at_once(scale: Scale, random: Random) -> Pattern {
    let about = "15 clients on one bucket send a request a second each, and retry 20 ms after a \
                 refusal, up to 100 times.";
    let retry = Reaction::Retry {
        pause: 20 * MS,
        attempts: 100,
    };
    demand(
        scale,
        random,
        "retry-at-once",
        "clients that retry at once",
        about,
    )
    .reaction(retry)
}

/// A retry when the refusal says so.
pub(super) fn retry_after(scale: Scale, random: Random) -> Pattern {
    let about = "The same 15 clients wait for as long as a refusal says, or a second if it says \
                 nothing, and make up to 100 attempts.";
    let obey = Reaction::Obey {
        pause: SECOND,
        attempts: 100,
    };
    demand(
        scale,
        random,
        "retry-after",
        "clients that obey Retry-After",
        about,
    )
    .reaction(obey)
}

fn demand(scale: Scale, mut random: Random, id: &str, title: &str, about: &str) -> Pattern {
    let requests: Vec<_> = (0..CLIENTS)
        .flat_map(|client| {
            let times: Vec<_> = poisson_times(&mut random, SECOND, scale.duration()).collect();
            times.into_iter().map(move |at| Request { at, client })
        })
        .collect();
    Pattern::new(scale, id, title, about)
        .clients(CLIENTS)
        .requests(requests)
}
