//! The clients.

use std::time::Duration;

use sluicegate::criticality::Criticality;

use super::Dice;

/// Requests of one kind.
pub struct Class {
    pub level: Criticality,
    /// Requests a second, by the seconds since the start.
    pub rate: Box<dyn Fn(f64) -> f64>,
    /// How long a client waits. A later response is of no use to it.
    pub patience: Duration,
}

/// A request.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// The number of its class.
    pub class: usize,
    pub level: Criticality,
    /// The number of its user, of 1,000.
    pub user: u64,
    /// Since the start.
    pub at: Duration,
    pub patience: Duration,
}

impl Class {
    pub fn new(level: Criticality, rate: impl Fn(f64) -> f64 + 'static) -> Self {
        Self {
            level,
            rate: Box::new(rate),
            patience: Duration::from_secs(1),
        }
    }
}

/// Returns the requests of all classes, in the order of their times.
pub fn arrivals(classes: &[Class], seconds: u64, dice: &Dice) -> Vec<Arrival> {
    let mut all = Vec::new();
    for (number, class) in classes.iter().enumerate() {
        let mut now = 0.0;
        while now < seconds as f64 {
            let rate = (class.rate)(now);
            // Where no requests come, the rate is looked at again soon.
            let gap = if rate > 0.0 { dice.gap(rate) } else { 0.1 };
            now += gap.min(0.1);
            if gap <= 0.1 && rate > 0.0 && now < seconds as f64 {
                all.push(Arrival {
                    class: number,
                    level: class.level,
                    user: (dice.fraction() * 1_000.0) as u64,
                    at: Duration::from_secs_f64(now),
                    patience: class.patience,
                });
            }
        }
    }
    all.sort_by_key(|arrival| arrival.at);
    all
}
