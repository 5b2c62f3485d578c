//! A `chromedriver` and a browser of its own for each test.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::Duration,
};

use thirtyfour::{
    ChromeCapabilities, ChromiumLikeCapabilities, DesiredCapabilities, LoggingPrefsLogLevel,
    WebDriver,
};
use tokio::sync::{Mutex, MutexGuard};

/// One browser at a time, because each has many processes.
static TURN: Mutex<()> = Mutex::const_new(());

/// A browser. It ends, and its driver with it, when the value is dropped, in a test
/// that fails, too.
pub(crate) struct Browser {
    driver: Option<WebDriver>,
    port: u16,
    process: Child,
    _turn: MutexGuard<'static, ()>,
}

impl Browser {
    pub(crate) async fn start() -> Self {
        let turn = TURN.lock().await;
        let mut process = spawn();
        let port = port(&mut process);
        let mut browser = Self {
            driver: None,
            port,
            process,
            _turn: turn,
        };
        let address = format!("http://127.0.0.1:{port}");
        let driver = WebDriver::new(address, capabilities()).await;
        browser.driver = Some(driver.unwrap());
        browser
    }

    pub(crate) fn driver(&self) -> &WebDriver {
        self.driver.as_ref().unwrap()
    }

    /// Makes the driver end its browsers. To end the driver alone would leave them
    /// behind.
    fn shut_down(&self) -> std::io::Result<()> {
        let mut driver = TcpStream::connect(("127.0.0.1", self.port))?;
        driver.set_read_timeout(Some(Duration::from_secs(30)))?;
        driver.write_all(b"GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")?;
        driver.read(&mut [0; 64]).map(drop)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its own end would wait for a runtime that stands still meanwhile.
        if let Some(driver) = self.driver.take() {
            driver.leak().ok();
        }
        self.shut_down().ok();
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn spawn() -> Child {
    let child = Command::new("chromedriver")
        .arg("--port=0")
        .stdout(Stdio::piped())
        .spawn();
    child.unwrap_or_else(|error| {
        panic!(
            "cannot run chromedriver: {error}. Install it and Chromium: apt-get install chromium chromium-driver, or \
             brew install --cask google-chrome chromedriver"
        )
    })
}

/// Reads the port that the system chose, from the last line of the greeting.
fn port(child: &mut Child) -> u16 {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines
        .map_while(Result::ok)
        .find_map(|line| {
            line.split_once("started successfully on port ")?
                .1
                .trim_end_matches('.')
                .parse()
                .ok()
        })
        .expect("chromedriver names its port")
}

fn capabilities() -> ChromeCapabilities {
    let mut chrome = DesiredCapabilities::chrome();
    // Root and containers have no sandbox, and the page is our own. Containers have
    // little shared memory.
    for argument in ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage"] {
        chrome.add_arg(argument).unwrap();
    }
    chrome
        .set_logging_prefs("browser", LoggingPrefsLogLevel::All)
        .unwrap();
    chrome
        .set_logging_prefs("performance", LoggingPrefsLogLevel::All)
        .unwrap();
    chrome
}
