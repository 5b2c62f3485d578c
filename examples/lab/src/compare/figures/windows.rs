//! How much passed at once.

use sluicegate::clock::Tick;

/// Returns the most of the times in any half-open span of this length. The times
/// are in order.
pub fn most_in_any_window(times: &[Tick], length: Tick) -> u64 {
    let mut begin = 0;
    let spans = times.iter().enumerate().map(|(end, at)| {
        while at - times[begin] >= length {
            begin += 1;
        }
        end - begin + 1
    });
    spans.max().unwrap_or(0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_half_open() {
        assert_eq!(most_in_any_window(&[0, 10], 10), 1);
        assert_eq!(most_in_any_window(&[0, 9, 10], 10), 2);
        assert_eq!(most_in_any_window(&[0, 0, 0, 25, 30], 10), 3);
        assert_eq!(most_in_any_window(&[], 10), 0);
    }
}
