//! The report says what the figures say.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{fs, path::Path};

use lab::{
    report::{page, pictures},
    results::{Measured, Results},
};
use serde::de::DeserializeOwned;

fn sample<T: DeserializeOwned>(name: &str) -> T {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    serde_json::from_str(&fs::read_to_string(folder.join(name)).unwrap()).unwrap()
}

#[track_caller]
fn assert_says(page: &str, text: &str) {
    // Numbers keep their units by a space that does not break.
    assert!(
        page.replace('\u{a0}', " ").contains(text),
        "the page does not say {text:?}"
    );
}

#[test]
fn sentences_follow_from_the_figures() {
    let mut results: Results = sample("results.json");
    let says = "Of 300 requests, 200 pass under fixed window and limitador (fixed window), and 30 under token bucket \
                and leaky bucket (queue).";
    assert_says(&page(&results, None), says);
    let [base, rules] = [3, results.rules.len()];
    results.grid.cells[base].figures[rules].admitted = 250;
    let says = "Of 300 requests, 250 pass under token bucket, and 30 under leaky bucket (queue).";
    assert_says(&page(&results, None), says);
}

#[test]
fn the_choice_follows_from_the_figures() {
    let mut results: Results = sample("results.json");
    let choice = |results: &Results| {
        let page = page(results, None);
        let rows = page.split_once("never more than the amount").unwrap().1;
        let take = rows.split_once(r#"<span data-m="text">"#).unwrap().1;
        take.split_once('<').unwrap().0.to_owned()
    };
    assert_eq!(choice(&results), "leaky bucket (queue)");
    let rules = results.rules.len();
    let queue = (0..results.traffic.len()).map(|traffic| traffic * rules + 1);
    queue.for_each(|place| results.grid.cells[3].figures[place].most_in_period = 101);
    assert_eq!(choice(&results), "none of these");
}

#[test]
fn a_rule_that_breaks_its_promise_is_named() {
    let mut results: Results = sample("results.json");
    assert_says(&page(&results, None), "Every rule keeps what it promises.");
    results.grid.cells[3].figures[0].bound = 100;
    assert_says(
        &page(&results, None),
        "More than they promise let pass: token bucket.",
    );
}

#[test]
fn without_measurements_the_page_depends_on_the_results_alone() {
    let (results, measured): (Results, Measured) =
        (sample("results.json"), sample("measured.json"));
    let still = page(&results, None);
    assert_eq!(still, page(&results, None));
    assert!(!still.contains("Latency"));
    assert!(page(&results, Some(&measured)).contains("Latency in the process"));
}

#[test]
fn markup_in_a_name_stays_text() {
    let mut results: Results = sample("results.json");
    results.rules[0].title = "</script><b>".into();
    let page = page(&results, None);
    assert!(!page.contains("<b>"));
    assert_eq!(page.matches("</script>").count(), 2);
}

#[test]
fn pictures_stand_alone() {
    let pictures = pictures(&sample("results.json"));
    let names: Vec<_> = pictures
        .iter()
        .map(|picture| picture.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["admissions-steady.svg", "admissions-turn.svg", "excess.svg"]
    );
    for picture in &pictures {
        assert!(
            picture
                .svg
                .starts_with(r#"<svg xmlns="http://www.w3.org/2000/svg""#)
        );
        assert!(!picture.svg.contains("data-m"), "{}", picture.name);
    }
}
