//! The values of all drawings, as JSON within the page.

use std::collections::HashMap;

use serde::Serialize;

/// The data that the script of the page reads.
#[derive(Debug, Serialize)]
struct Data<'a> {
    /// The drawing that the page begins with.
    base: usize,
    /// The number of bursts: the drawing of amount `i` and burst `j` is
    /// `i * bursts + j`.
    bursts: usize,
    /// Each value once.
    strings: Vec<&'a str>,
    /// The places of the values of each drawing in `strings`.
    cells: Vec<Vec<usize>>,
}

/// Returns the values of all drawings, so that they can stand in a script element.
pub(super) fn cells(base: usize, bursts: usize, drawings: &[Vec<String>]) -> String {
    let mut places = HashMap::new();
    let mut strings = Vec::new();
    let cells = drawings
        .iter()
        .map(|values| {
            values
                .iter()
                .map(|value| place_of(value, &mut places, &mut strings))
                .collect()
        })
        .collect();
    let data = Data {
        base,
        bursts,
        strings,
        cells,
    };
    let json = serde_json::to_string(&data).expect("strings and numbers are JSON");
    // No `</script` or `<!--` ends the element early.
    json.replace('<', r"\u003c")
}

fn place_of<'a>(
    value: &'a str,
    places: &mut HashMap<&'a str, usize>,
    strings: &mut Vec<&'a str>,
) -> usize {
    *places.entry(value).or_insert_with(|| {
        strings.push(value);
        strings.len() - 1
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_stored_once() {
        let drawings = [vec!["a".into(), "b".into()], vec!["b".into(), "b".into()]];
        assert_eq!(
            cells(1, 2, &drawings),
            r#"{"base":1,"bursts":2,"strings":["a","b"],"cells":[[0,1],[1,1]]}"#
        );
    }

    #[test]
    fn no_value_ends_the_script_element() {
        let data = cells(0, 1, &[vec!["</script><!--".into()]]);
        assert!(!data.contains('<'));
        assert!(data.contains(r"\u003c/script>\u003c!--"));
    }
}
