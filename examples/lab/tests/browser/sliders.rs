//! The sliders move the plots and the numbers, which are those of `results.json`.

use lab::{
    report::number::{count, index, time, times},
    results::Figures,
};
use thirtyfour::Key;

use crate::{
    outline::heights,
    screen::{Screen, WIDTHS},
};

#[tokio::test]
async fn the_sliders_show_each_quota_of_the_results() {
    for width in WIDTHS {
        let screen = Screen::open(width).await;
        shows(
            &screen,
            screen.results.grid.base.amount,
            screen.results.grid.base.burst,
        )
        .await;
        for amount in 0..screen.results.grid.amounts.len() {
            screen.slide("amount", amount).await;
            for burst in 0..screen.results.grid.bursts.len() {
                screen.slide("burst", burst).await;
                shows(&screen, amount, burst).await;
            }
        }
    }
}

#[tokio::test]
async fn moving_away_and_back_shows_the_page_as_it_was_drawn() {
    let screen = Screen::open(WIDTHS[1]).await;
    let text = "return document.querySelector('main').innerHTML";
    let base = screen.results.grid.base;
    let drawn: String = screen.run(text).await;
    screen.slide("amount", 0).await;
    assert_ne!(screen.run::<String>(text).await, drawn);
    screen.slide("amount", base.amount).await;
    screen.slide("burst", base.burst).await;
    assert_eq!(screen.run::<String>(text).await, drawn);
}

#[tokio::test]
async fn the_tab_key_reaches_both_sliders() {
    let screen = Screen::open(WIDTHS[1]).await;
    let mut reached = Vec::new();
    for _ in 0..20 {
        screen
            .browser
            .driver()
            .active_element()
            .await
            .unwrap()
            .send_keys(Key::Tab)
            .await
            .unwrap();
        reached.push(
            screen
                .run::<String>("return document.activeElement.id")
                .await,
        );
    }
    let place = |id: &str| reached.iter().position(|reached| reached == id).unwrap();
    assert_eq!(place("amount") + 1, place("burst"));
}

/// Compares all that moves with the figures of a quota.
async fn shows(screen: &Screen, amount: usize, burst: usize) {
    let cell = screen.results.grid.cell(amount, burst);
    let (requests, quota) = (screen.results.grid.amounts[amount], &cell.quota);
    let status: String = screen
        .run("return document.querySelector('[role=status]').textContent")
        .await;
    assert_eq!(status, format!("Quota: {quota}"));
    let said: String = screen
        .run("return document.getElementById('amount').getAttribute('aria-valuetext')")
        .await;
    assert_eq!(said, count(requests));
    for (place, traffic) in screen.results.traffic.iter().enumerate() {
        let of_rule = |rule| screen.results.figures(cell, place, rule);
        let figures: Vec<_> = (0..screen.results.rules.len()).map(of_rule).collect();
        assert_eq!(
            table(screen, &traffic.id).await,
            figures.iter().map(|f| row(f)).collect::<Vec<_>>(),
            "{quota}"
        );
        plots_agree(screen, &traffic.id, &figures).await;
    }
    excess_agrees(screen, amount, burst).await;
}

/// The cells of the table of a traffic.
async fn table(screen: &Screen, traffic: &str) -> Vec<Vec<String>> {
    let script = "return [...document.querySelectorAll('#traffic-ID tbody tr')]
        .map(row => [...row.querySelectorAll('td')].map(cell => cell.textContent))";
    screen.run(&script.replace("ID", traffic)).await
}

fn row(figures: &Figures) -> Vec<String> {
    let waits = figures.waits.unwrap();
    vec![
        count(figures.requests),
        count(figures.admitted),
        count(figures.refused),
        count(figures.most_in_period),
        count(figures.bound),
        time(waits.p50_us),
        time(waits.p99_us),
        index(figures.gap_variation),
        index(Some(figures.fairness)),
    ]
}

/// The heights of the plots are to each other as the requests of the bins are.
async fn plots_agree(screen: &Screen, traffic: &str, figures: &[&Figures]) {
    let script = "return [...document.querySelectorAll('#traffic-ID .panel')].map(panel =>
        ['.arrived', '.admitted'].map(line => panel.querySelector(line).getAttribute('d')))";
    let outlines: Vec<[String; 2]> = screen.run(&script.replace("ID", traffic)).await;
    assert_eq!(outlines.len(), figures.len());
    let highest = outlines
        .iter()
        .flatten()
        .flat_map(|outline| heights(outline))
        .max()
        .unwrap();
    let bins = figures
        .iter()
        .flat_map(|figures| figures.arrivals.iter().chain(&figures.admissions));
    let most = i64::from(*bins.max().unwrap());
    for ([arrived, admitted], figures) in outlines.iter().zip(figures) {
        for (outline, bins) in [
            (arrived, &figures.arrivals),
            (admitted, &figures.admissions),
        ] {
            let heights = heights(outline);
            assert_eq!(heights.len(), bins.len());
            for (height, requests) in heights.iter().zip(bins) {
                assert!(
                    (height * most - i64::from(*requests) * highest).abs() <= most + highest,
                    "{outline} {bins:?}"
                );
            }
        }
    }
}

/// The bars of the most in a period have the worst figures of their rules.
async fn excess_agrees(screen: &Screen, amount: usize, burst: usize) {
    let results = &screen.results;
    let cell = results.grid.cell(amount, burst);
    let worst = |rule| {
        let traffic = 0..results.traffic.len();
        traffic
            .map(|traffic| results.figures(cell, traffic, rule).most_in_period)
            .max()
            .unwrap()
    };
    let expected: Vec<_> = (0..results.rules.len())
        .map(|rule| times(worst(rule), results.grid.amounts[amount]))
        .collect();
    let script =
        "return [...document.querySelectorAll('#comparison .card')[0].querySelectorAll('.value')]
        .map(value => value.textContent)";
    assert_eq!(screen.run::<Vec<String>>(script).await, expected);
}
