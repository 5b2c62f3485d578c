//! How even the output is.

use sluicegate::clock::Tick;

use super::figures::rounded;

/// Returns the standard deviation of the gaps between the times, divided by their
/// mean: `sqrt(n * sum(gap^2) - sum(gap)^2) / sum(gap)`. The times are in order.
pub fn gap_variation(times: &[Tick]) -> Option<f64> {
    let gaps = || times.windows(2).map(|pair| u128::from(pair[1] - pair[0]));
    let (count, sum) = (gaps().count() as u128, gaps().sum::<u128>());
    if count < 2 || sum == 0 {
        return None;
    }
    let squares: u128 = gaps().map(|gap| gap * gap).sum();
    let deviation = ((count * squares - sum * sum) as f64).sqrt();
    Some(rounded(deviation / sum as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beat_has_no_variation_and_bursts_have_much() {
        assert_eq!(gap_variation(&[0, 5, 10, 15]), Some(0.0));
        // Gaps 0, 0, 0 and 100: mean 25, deviation 25 * sqrt(3).
        assert_eq!(gap_variation(&[0, 0, 0, 0, 100]), Some(1.7321));
        assert_eq!(gap_variation(&[0, 5]), None);
        assert_eq!(gap_variation(&[7, 7, 7]), None);
    }
}
