//! The parts of the page that move with the sliders.

use std::cell::RefCell;

use maud::{Markup, html};

/// The texts and attributes that depend on the quota, in the order of the page.
///
/// The page is drawn once for each quota of the grid. All drawings have the same
/// elements in the same order, so one drawing and the list of values of each are
/// enough for the script to show any quota. An element names what moves in it by
/// the attribute `data-m`: `text`, or the names of attributes.
#[derive(Debug, Default)]
pub(super) struct Moving {
    values: Option<RefCell<Vec<String>>>,
}

impl Moving {
    /// Collects the values of a drawing.
    pub(super) fn collect() -> Self {
        Self {
            values: Some(RefCell::default()),
        }
    }

    /// Marks nothing, for pictures that stand alone.
    pub(super) fn still() -> Self {
        Self::default()
    }

    /// Returns the value of the attribute `data-m` of an element.
    pub(super) fn names<'a>(&self, names: &'a str) -> Option<&'a str> {
        self.values.as_ref().map(|_| names)
    }

    /// Takes note of a value. Values are taken in the order of the elements, and
    /// for each element in the order of its `data-m`.
    pub(super) fn value(&self, value: impl Into<String>) -> String {
        let value = value.into();
        if let Some(values) = &self.values {
            values.borrow_mut().push(value.clone());
        }
        value
    }

    /// Returns a text that moves.
    pub(super) fn text(&self, value: impl Into<String>) -> Markup {
        html! { span data-m=[self.names("text")] { (self.value(value)) } }
    }

    /// Returns the values that were taken.
    pub(super) fn into_values(self) -> Vec<String> {
        self.values.map(RefCell::into_inner).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_in_the_order_of_the_page() {
        let moving = Moving::collect();
        let page = html! { (moving.text("a")) (moving.text("b")) };
        assert_eq!(
            page.into_string(),
            r#"<span data-m="text">a</span><span data-m="text">b</span>"#
        );
        assert_eq!(moving.into_values(), ["a", "b"]);
    }

    #[test]
    fn a_picture_that_stands_alone_has_no_marks() {
        let moving = Moving::still();
        assert_eq!(moving.text("a").into_string(), "<span>a</span>");
        assert!(moving.into_values().is_empty());
    }
}
