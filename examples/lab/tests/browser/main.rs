//! The report in a browser: Chromium without a window, driven by `chromedriver`.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod access;
mod driver;
mod layout;
mod outline;
mod quiet;
mod screen;
mod sliders;
