//! Reads the outline of a plot back into the heights of its bins.

/// Returns the height of each bin, in thousandths of the axis.
pub(crate) fn heights(outline: &str) -> Vec<i64> {
    let (mut level, mut heights) = (0, Vec::new());
    let steps = outline
        .strip_prefix("M0 1000")
        .unwrap()
        .strip_suffix("V1000Z")
        .unwrap();
    for step in steps
        .split_inclusive(|end: char| end.is_ascii_digit())
        .fold(Vec::new(), join)
    {
        let number: i64 = step[1..].parse().unwrap();
        match &step[..1] {
            "v" => level -= number,
            "h" => heights.extend((0..number).map(|_| level)),
            other => panic!("unexpected step {other} in {outline}"),
        }
    }
    heights
}

/// Joins pieces so that each begins with a letter.
fn join(mut steps: Vec<String>, piece: &str) -> Vec<String> {
    match steps.last_mut() {
        Some(last) if piece.starts_with(|first: char| first.is_ascii_digit()) => {
            last.push_str(piece)
        }
        _ => steps.push(piece.into()),
    }
    steps
}
