//! The text of coordinates in SVG attributes, short and the same on every host.

/// Formats a coordinate with at most one decimal place.
pub(super) fn coordinate(value: f64) -> String {
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" {
        "0".into()
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coordinate_is_as_short_as_it_can_be() {
        assert_eq!(coordinate(12.0), "12");
        assert_eq!(coordinate(0.1 + 0.2), "0.3");
        assert_eq!(coordinate(-0.01), "0");
    }
}
