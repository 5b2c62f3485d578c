//! The service behind the limits.

use std::{rc::Rc, time::Duration};

use tokio::{
    sync::Semaphore,
    time::{Instant, sleep},
};

use super::Dice;

/// A service of some workers. What comes while all work waits inside of the
/// service, without a bound, in the order in which it came.
pub struct Service {
    workers: Semaphore,
    /// How long a worker takes, by the seconds since the start.
    time: Box<dyn Fn(f64) -> f64>,
    dice: Dice,
    start: Instant,
}

impl Service {
    pub fn new(workers: usize, time: impl Fn(f64) -> f64 + 'static) -> Rc<Self> {
        Rc::new(Self {
            workers: Semaphore::new(workers),
            time: Box::new(time),
            dice: Dice::new(17),
            start: Instant::now(),
        })
    }

    /// Does the work of one request: for the time of the service, a fifth more
    /// or less.
    pub async fn work(&self) {
        let _worker = self.workers.acquire().await.unwrap();
        let now = self.start.elapsed().as_secs_f64();
        let takes = (self.time)(now) * (0.8 + 0.4 * self.dice.fraction());
        sleep(Duration::from_secs_f64(takes)).await;
    }
}
