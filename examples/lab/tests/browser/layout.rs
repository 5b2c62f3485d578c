//! The page fits its screen, and what is drawn can be read.

use crate::screen::{Screen, WIDTHS};

/// Opens what is closed, so that its contents count.
const OPEN: &str = "document.querySelectorAll('details').forEach(details => details.open = true);";

#[tokio::test]
async fn no_screen_scrolls_sideways() {
    for width in WIDTHS {
        let screen = Screen::open(width).await;
        let script = format!("{OPEN} return [innerWidth, document.documentElement.scrollWidth]");
        let [screen, page]: [u32; 2] = screen.run(&script).await;
        assert_eq!(screen, width);
        assert!(page <= width, "{page} on {width}");
    }
}

#[tokio::test]
async fn no_text_of_a_plot_is_cut_or_covers_another() {
    for width in WIDTHS {
        let screen = Screen::open(width).await;
        let problems: Vec<String> = screen.run(include_str!("layout.js")).await;
        assert_eq!(problems, [""; 0], "{width}");
    }
}

#[tokio::test]
async fn the_page_rests_for_readers_who_want_no_motion() {
    let screen = Screen::open(WIDTHS[0]).await;
    let script = "return [...document.querySelectorAll('*')].map(element => getComputedStyle(element))
        .filter(style => style.transitionDuration !== '0s' || style.animationName !== 'none').length";
    assert_ne!(screen.run::<u32>(script).await, 0);
    screen.prefer("prefers-reduced-motion", "reduce").await;
    assert_eq!(screen.run::<u32>(script).await, 0);
}

#[tokio::test]
async fn paper_shows_the_quota_in_place_of_the_sliders() {
    let screen = Screen::open(WIDTHS[1]).await;
    screen.slide("burst", 0).await;
    screen
        .cdp(
            "Emulation.setEmulatedMedia",
            serde_json::json!({ "media": "print" }),
        )
        .await;
    let script = "return ['.controls', '.still'].map(name => document.querySelector(name))
        .filter(element => element.checkVisibility()).map(element => element.textContent)";
    let cell = screen.results.grid.cell(screen.results.grid.base.amount, 0);
    let quota = format!("Quota: {}", cell.quota);
    assert_eq!(screen.run::<Vec<String>>(script).await, [quota]);
}
