//! Parts of the sentences under the plots.

use super::view::Outcome;

/// The most names that a list spells out.
const NAMES: usize = 4;

/// The two ends of a ranking.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ends<T> {
    /// All with the smallest value.
    pub(super) least: Vec<T>,
    /// All with the largest value.
    pub(super) most: Vec<T>,
}

/// Returns those with the smallest and with the largest value; `None` if there are
/// none, or if all are equal. Values are equal if they are `written` alike, because
/// a reader sees no more of them.
pub(super) fn ends<T: Copy>(
    items: &[T],
    value: impl Fn(&T) -> f64,
    written: impl Fn(&T) -> String,
) -> Option<Ends<T>> {
    let by_value = |a: &&T, b: &&T| value(a).total_cmp(&value(b));
    let like = |one: &T| {
        let text = written(one);
        let equal = items.iter().copied().filter(|item| written(item) == text);
        equal.collect()
    };
    let (least, most) = (
        items.iter().min_by(by_value)?,
        items.iter().max_by(by_value)?,
    );
    (written(least) != written(most)).then(|| Ends {
        least: like(least),
        most: like(most),
    })
}

/// Returns the names of the rules as a list: `a, b and c`.
pub(super) fn rules(outcomes: &[Outcome<'_>]) -> String {
    let titles = outcomes.iter().map(|outcome| outcome.rule.title.as_str());
    list(&titles.collect::<Vec<_>>())
}

/// Returns a title as it stands in a sentence: `a (b)` for `a, b`.
pub(super) fn name(title: &str) -> String {
    match title.split_once(", ") {
        Some((library, rule)) => format!("{library} ({rule})"),
        None => title.into(),
    }
}

/// Returns titles as a list; of many, the first and the number of the others.
pub(super) fn list(titles: &[&str]) -> String {
    let names: Vec<_> = titles.iter().map(|title| name(title)).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [names @ .., last] if names.len() < NAMES => format!("{} and {last}", names.join(", ")),
        names => {
            let rest = names.len() - NAMES + 1;
            format!("{} and {rest} others", names[..NAMES - 1].join(", "))
        }
    }
}

/// Returns a phrase as the start of a sentence.
pub(super) fn start(phrase: &str) -> String {
    let mut letters = phrase.chars();
    let first = letters.next().map(char::to_uppercase);
    first.map_or_else(String::new, |first| first.chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_ones_share_an_end() {
        let ends = ends(&[2, 1, 2, 1, 3], |value| f64::from(*value), i32::to_string).unwrap();
        assert_eq!((ends.least, ends.most), (vec![1, 1], vec![3]));
    }

    #[test]
    fn equal_values_have_no_ends() {
        let ends = |values: &[i32]| ends(values, |value| f64::from(*value), i32::to_string);
        assert_eq!(ends(&[7, 7]), None);
        assert_eq!(ends(&[]), None);
    }

    /// 29.96 and 29.98 are both written as 30.
    #[test]
    fn values_that_read_alike_are_equal() {
        let ends = |values: &[f64]| ends(values, |value| *value, |value| format!("{value:.0}"));
        let (least, most) = (vec![29.98, 29.96], vec![31.0]);
        assert_eq!(ends(&[29.98, 31.0, 29.96]), Some(Ends { least, most }));
        assert_eq!(ends(&[29.98, 29.96]), None);
    }

    #[test]
    fn a_name_needs_no_comma() {
        assert_eq!(name("sliding log"), "sliding log");
        assert_eq!(list(&["leaky bucket, queue"]), "leaky bucket (queue)");
    }

    #[test]
    fn a_list_ends_with_and() {
        assert_eq!(list(&["a"]), "a");
        assert_eq!(list(&["a", "b"]), "a and b");
        assert_eq!(list(&["a", "b", "c", "d"]), "a, b, c and d");
    }

    #[test]
    fn a_long_list_counts_the_rest() {
        assert_eq!(list(&["a", "b", "c", "d", "e"]), "a, b, c and 2 others");
    }
}
