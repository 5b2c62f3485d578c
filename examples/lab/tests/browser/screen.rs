//! The page of the sample, opened in a browser.

use std::{fs, path::Path};

use lab::results::{Measured, Results};
use serde::de::DeserializeOwned;
use serde_json::json;
use thirtyfour::{By, Key, WebElement};

use crate::driver::Browser;

/// The widths of a phone and of a desk.
pub(crate) const WIDTHS: [u32; 2] = [390, 1_280];

/// The page on a screen.
pub(crate) struct Screen {
    pub(crate) browser: Browser,
    pub(crate) address: String,
    pub(crate) results: Results,
}

impl Screen {
    /// Opens the page, with what was measured.
    pub(crate) async fn open(width: u32) -> Self {
        let mut results: Results = sample("results.json");
        // Fairness is about several clients.
        results.traffic[1].clients = 3;
        // The longest name of the comparison.
        results.rules[2].title = "tower-resilience, sliding counter".into();
        let measured: Measured = sample("measured.json");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("report-{}-{width}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        lab::report::write(&folder, &results, Some(&measured)).unwrap();
        let address = format!("file://{}", folder.join("report.html").display());
        let screen = Self {
            browser: Browser::start().await,
            address,
            results,
        };
        screen.resize(width).await;
        screen.browser.driver().goto(&screen.address).await.unwrap();
        screen
    }

    async fn resize(&self, width: u32) {
        let emulation =
            json!({ "width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.cdp("Emulation.setDeviceMetricsOverride", emulation)
            .await;
    }

    /// Shows the page as a reader with a preference sees it.
    pub(crate) async fn prefer(&self, feature: &str, value: &str) {
        let features = json!({ "features": [{ "name": feature, "value": value }] });
        self.cdp("Emulation.setEmulatedMedia", features).await;
    }

    pub(crate) async fn cdp(&self, command: &str, parameters: serde_json::Value) {
        self.browser
            .driver()
            .cdp()
            .send_raw(command, parameters)
            .await
            .unwrap();
    }

    /// Runs a script in the page and returns what it returns.
    pub(crate) async fn run<T: DeserializeOwned>(&self, script: &str) -> T {
        self.browser
            .driver()
            .execute(script, vec![])
            .await
            .unwrap()
            .convert()
            .unwrap()
    }

    pub(crate) async fn slider(&self, id: &str) -> WebElement {
        self.browser.driver().find(By::Id(id)).await.unwrap()
    }

    /// Moves a slider to a place by its keys.
    pub(crate) async fn slide(&self, id: &str, place: usize) {
        let slider = self.slider(id).await;
        slider.send_keys(Key::Home).await.unwrap();
        for _ in 0..place {
            slider.send_keys(Key::Right).await.unwrap();
        }
    }
}

fn sample<T: DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("samples")
        .join(name);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}
