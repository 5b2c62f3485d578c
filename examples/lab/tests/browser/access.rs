//! The page can be used without eyes, and read in both themes.

use crate::screen::{Screen, WIDTHS};

#[tokio::test]
async fn names_headings_and_descriptions_are_complete() {
    let screen = Screen::open(WIDTHS[0]).await;
    let problems: Vec<String> = screen.run(include_str!("access.js")).await;
    assert_eq!(problems, [""; 0]);
}

#[tokio::test]
async fn text_stands_out_from_its_ground_in_both_themes() {
    let screen = Screen::open(WIDTHS[1]).await;
    for theme in ["light", "dark"] {
        screen.prefer("prefers-color-scheme", theme).await;
        let problems: Vec<String> = screen.run(include_str!("contrast.js")).await;
        assert_eq!(problems, [""; 0], "{theme}");
    }
}

#[tokio::test]
async fn a_screen_reader_hears_the_name_and_the_value_of_a_slider() {
    let screen = Screen::open(WIDTHS[1]).await;
    let named: Vec<String> =
        screen.run("return [...document.querySelectorAll('input')].map(input => input.labels[0].textContent)").await;
    assert_eq!(named, ["Amount in 10\u{a0}s", "Burst"]);
    let live: String = screen
        .run("return document.querySelector('#controls [role=status]').textContent")
        .await;
    assert_eq!(live, format!("Quota: {}", screen.results.base().quota));
}
