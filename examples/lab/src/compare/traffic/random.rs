//! Traffic whose times and clients are random.

use std::iter;

use sluicegate::clock::Tick;

use super::{
    super::random::Random,
    pattern::{MS, Pattern, Request, Scale},
};

/// 10 requests a second on average.
pub(super) fn poisson(scale: Scale, mut random: Random) -> Pattern {
    let about = "One client sends 10 requests a second on average, at random times.";
    let times = poisson_times(&mut random, 100 * MS, scale.duration());
    let requests: Vec<_> = times.map(|at| Request { at, client: 0 }).collect();
    Pattern::new(scale, "poisson", "Poisson", about).requests(requests)
}

/// 100 requests a second of 50 clients, the busiest of which sends 22 of them.
pub(super) fn hot_client(scale: Scale, mut random: Random) -> Pattern {
    const CLIENTS: u32 = 50;
    let about = "50 clients with a bucket each send 100 requests a second: the n-th one 1/n as \
                 many as the first (Zipf), which sends 22 a second.";
    let zipf = Zipf::new(CLIENTS);
    let times: Vec<_> = poisson_times(&mut random, 10 * MS, scale.duration()).collect();
    let requests: Vec<_> = times
        .into_iter()
        .map(|at| Request {
            at,
            client: zipf.draw(&mut random),
        })
        .collect();
    Pattern::new(scale, "hot-client", "one hot client among many", about)
        .clients(CLIENTS)
        .a_bucket_each()
        .requests(requests)
}

/// Returns the times of a Poisson process, up to `end`.
pub(super) fn poisson_times(
    random: &mut Random,
    mean_gap: Tick,
    end: Tick,
) -> impl Iterator<Item = Tick> {
    let times = iter::successors(Some(random.exponential(mean_gap)), move |last| {
        Some(last + random.exponential(mean_gap))
    });
    times.take_while(move |at| *at < end)
}

/// Clients of which the n-th is drawn 1/n as often as the first.
struct Zipf {
    /// The sums of the weights up to each client.
    sums: Vec<u64>,
}

impl Zipf {
    fn new(clients: u32) -> Self {
        let weights = (1..=u64::from(clients)).map(|rank| (1 << 32) / rank);
        let sums = weights.scan(0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        });
        Self {
            sums: sums.collect(),
        }
    }

    fn draw(&self, random: &mut Random) -> u32 {
        let total = self.sums.last().expect("there are clients");
        let drawn = random.below(*total);
        self.sums.partition_point(|sum| *sum <= drawn) as u32
    }
}
