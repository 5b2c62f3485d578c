//! The page loads nothing and complains about nothing.

use serde_json::Value;

use crate::screen::{Screen, WIDTHS};

#[tokio::test]
async fn the_page_sends_no_request() {
    let screen = Screen::open(WIDTHS[1]).await;
    screen.slide("amount", 0).await;
    let entries = screen
        .browser
        .driver()
        .get_log("performance")
        .await
        .unwrap();
    let messages = entries
        .iter()
        .map(|entry| serde_json::from_str::<Value>(&entry.message).unwrap());
    let sent: Vec<_> = messages.filter_map(|message| address(&message)).collect();
    // The page itself, and its empty icon.
    assert!(sent.contains(&screen.address), "{sent:?}");
    let beyond = |address: &&String| **address != screen.address && !address.starts_with("data:");
    assert_eq!(sent.iter().find(beyond), None);
    let resources: Vec<String> = screen
        .run("return performance.getEntriesByType('resource').map(e => e.name)")
        .await;
    assert_eq!(resources, [""; 0]);
}

#[tokio::test]
async fn the_console_stays_empty() {
    let screen = Screen::open(WIDTHS[0]).await;
    screen.slide("amount", 0).await;
    screen.slide("burst", 1).await;
    let entries = screen.browser.driver().browser_log().await.unwrap();
    let messages: Vec<_> = entries.iter().map(|entry| &entry.message).collect();
    assert_eq!(messages, [""; 0]);
}

/// The address of a request, if the message is about one.
fn address(message: &Value) -> Option<String> {
    let event = &message["message"];
    (event["method"] == "Network.requestWillBeSent")
        .then(|| event["params"]["request"]["url"].as_str().unwrap().into())
}
