//! The outline of a quantity that is constant within each of many equal bins.

/// The height of the drawing: a share of the axis is drawn in thousandths.
pub(super) const HEIGHT: u32 = 1_000;

/// Returns the outline of the area under `shares` of the axis, for a drawing as
/// wide as there are shares. Relative and in whole numbers, because a page has
/// thousands of them.
pub(super) fn outline(shares: &[f64]) -> String {
    let mut path = format!("M0 {HEIGHT}");
    let (mut level, mut run) = (0, 0_u32);
    for share in shares {
        let next = (share * f64::from(HEIGHT)).round() as i32;
        if next != level {
            push_run(&mut path, &mut run);
            path.push_str(&format!("v{}", level - next));
            level = next;
        }
        run += 1;
    }
    push_run(&mut path, &mut run);
    path.push_str(&format!("V{HEIGHT}Z"));
    path
}

fn push_run(path: &mut String, run: &mut u32) {
    if *run > 0 {
        path.push_str(&format!("h{run}"));
        *run = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outline_steps_at_the_end_of_each_bin() {
        assert_eq!(
            outline(&[0.0, 1.0, 1.0, 0.5]),
            "M0 1000h1v-1000h2v500h1V1000Z"
        );
    }

    #[test]
    fn nothing_is_a_line_on_the_axis() {
        assert_eq!(outline(&[0.0, 0.0]), "M0 1000h2V1000Z");
    }
}
