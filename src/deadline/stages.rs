//! The division of a deadline among stages that follow one another.

use std::time::Duration;

use super::{Deadline, wire};

/// Divides the remaining time among stages that follow one another.
///
/// A stage gets its share when it begins, of the time that remains then: the
/// later stages share what an earlier one did not use, and also what it took
/// too much. The budget of stage i is `remaining * w_i / (w_i + … + w_n)`, so
/// the last one gets all that remains.
///
/// ```
/// use std::time::Duration;
/// use sluicegate::deadline::Deadline;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let mut stages = Deadline::after(Duration::from_secs(10)).stages([1, 3, 1]);
/// assert_eq!(stages.begin().remaining(), Duration::from_secs(2));
/// // It took only one second: nine remain for weights of 3 and 1.
/// tokio::time::advance(Duration::from_secs(1)).await;
/// assert_eq!(stages.begin().remaining(), Duration::from_millis(6_750));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Stages<const N: usize> {
    /// The deadline of all stages together.
    whole: Deadline,
    weights: [u32; N],
    /// How many stages have begun.
    begun: usize,
}

impl Deadline {
    /// Divides the time among stages that follow one another, by their
    /// weights.
    ///
    /// # Panics
    ///
    /// When `weights` is empty, or one of them is 0.
    #[track_caller]
    pub fn stages<const N: usize>(self, weights: [u32; N]) -> Stages<N> {
        Stages::new(self, weights)
    }
}

impl<const N: usize> Stages<N> {
    #[track_caller]
    fn new(whole: Deadline, weights: [u32; N]) -> Self {
        let possible = N > 0 && weights.iter().all(|weight| *weight > 0);
        assert!(
            possible,
            "invalid stages {weights:?}: must be one or more weights, each above 0"
        );
        Self {
            whole,
            weights,
            begun: 0,
        }
    }

    /// Returns the deadline of the next stage, which begins now. Once all have
    /// begun, this is the deadline of the whole.
    pub fn begin(&mut self) -> Deadline {
        let left = &self.weights[self.begun.min(N)..];
        let Some(own) = left.first() else {
            return self.whole;
        };
        self.begun += 1;
        let all: u64 = left.iter().map(|weight| u64::from(*weight)).sum();
        self.whole.child(share(self.whole.remaining(), *own, all))
    }
}

/// Returns `remaining * own / all`, rounded down to the nanosecond.
fn share(remaining: Duration, own: u32, all: u64) -> Duration {
    // No overflow: at most 94 bits of nanoseconds, and 32 bits of weight.
    let nanos = remaining.as_nanos() * u128::from(own) / u128::from(all);
    wire::duration(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn all_later_stages_pay_for_one_that_took_too_long() {
        let mut stages = Deadline::after(10 * SECOND).stages([1, 1, 1, 1]);
        stages.begin();
        tokio::time::advance(7 * SECOND).await;
        assert_eq!(stages.begin().remaining(), SECOND);
        tokio::time::advance(SECOND).await;
        assert_eq!(stages.begin().remaining(), SECOND);
        assert_eq!(stages.begin().remaining(), 2 * SECOND);
        assert_eq!(stages.begin().remaining(), 2 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_left_when_the_whole_has_passed() {
        let mut stages = Deadline::after(SECOND).stages([5, u32::MAX]);
        tokio::time::advance(2 * SECOND).await;
        assert!(stages.begin().is_expired() && stages.begin().is_expired());
    }

    #[test]
    #[should_panic(expected = "invalid stages [1, 0]: must be one or more weights")]
    fn a_stage_without_weight_is_refused() {
        Deadline::after(SECOND).stages([1, 0]);
    }
}
