//! An exponentially weighted mean, with a plain one to begin with.

use std::time::Duration;

/// The values that are averaged plainly, so that the first does not weigh as
/// much as hundreds of later ones.
const WARM_UP: u32 = 10;

/// A mean in which a new value has a fixed weight.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mean {
    seconds: f64,
    count: u32,
}

impl Mean {
    /// Adds a value with this weight, at most 1.
    pub(super) fn add(&mut self, value: Duration, weight: f64) {
        self.count = self.count.saturating_add(1);
        let weight = match self.count <= WARM_UP {
            true => f64::from(self.count).recip(),
            false => weight,
        };
        self.seconds += (value.as_secs_f64() - self.seconds) * weight;
    }

    /// Multiplies the mean.
    pub(super) fn scale(&mut self, factor: f64) {
        self.seconds *= factor;
    }

    /// Returns the mean in seconds; 0 before the first value.
    pub(super) fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Returns the mean, if there is any.
    pub(super) fn get(&self) -> Option<Duration> {
        (self.count > 0).then(|| Duration::from_secs_f64(self.seconds))
    }
}
