//! Draws counts over time with the block characters of Unicode.

use crate::replay::play::Series;

/// How many characters wide a drawing of a series is.
const DRAWN: usize = 60;

/// The heights of a drawing, from nothing to the largest count.
const HEIGHTS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Draws a series over the time of all requests. The largest count of a
/// character is as high as one.
pub(super) fn draw(series: &Series, all: &Series) -> String {
    let end = all.start_us() + all.counts().len() as u64 * all.step_us();
    let width = (end - all.start_us())
        .div_ceil(DRAWN as u64)
        .max(all.step_us());
    let mut drawn = vec![0_u64; (end - all.start_us()).div_ceil(width) as usize];
    for (index, count) in series.counts().iter().enumerate() {
        let at = series.start_us() + index as u64 * series.step_us();
        let column = at.saturating_sub(all.start_us()) / width;
        if let Some(cell) = drawn.get_mut(column as usize) {
            *cell += count;
        }
    }
    let largest = drawn.iter().copied().max().unwrap_or(0).max(1);
    let height = |count: &u64| HEIGHTS[(count * 8).div_ceil(largest) as usize];
    drawn.iter().map(height).collect()
}
