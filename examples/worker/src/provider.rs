//! The payment provider: another system, which no transaction of the database
//! includes. It is made up, and can be slow, down or broken.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::time;

use crate::{event::Kind, store::Event};

/// The provider. Clones are one.
#[derive(Clone, Debug)]
pub(crate) struct Provider {
    /// How long a call takes.
    time: Duration,
    /// Which share of the calls fails without an effect.
    fail_rate: f64,
    /// Gets a line for each charge, as the books of another system would.
    books: Option<Arc<File>>,
}

/// The decision of the provider. It is stored as the value of the work, so that a
/// repeated event gets the same answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) enum Verdict {
    Paid { receipt: String },
    Rejected { why: String },
}

/// The provider did not answer, and has done nothing.
#[derive(Debug)]
pub(crate) struct Down;

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the payment provider is down: try again later")
    }
}

impl Provider {
    /// Opens a provider, with its books in this file if there is one.
    pub(crate) fn open(time: Duration, fail_rate: f64, books: Option<&Path>) -> io::Result<Self> {
        let open = |path| OpenOptions::new().create(true).append(true).open(path);
        Ok(Self {
            time,
            fail_rate,
            books: books.map(open).transpose()?.map(Arc::new),
        })
    }

    /// Charges or refunds an order. Some items show what can go wrong: `poison` is
    /// rejected, `flaky` fails every other time, and `crash` panics.
    pub(crate) async fn call(&self, event: &Event) -> Result<Verdict, Down> {
        let item = event.content.item.as_str();
        let fail_rate = if item == "flaky" { 0.5 } else { self.fail_rate };
        if fastrand::f64() < fail_rate {
            return Err(Down);
        }
        if item == "poison" {
            let why = "the provider does not sell poison".to_owned();
            return Ok(Verdict::Rejected { why });
        }
        self.book(event).map_err(|_| Down)?;
        assert_ne!(item, "crash", "the item asked for a panic");
        if !self.time.is_zero() {
            time::sleep(self.time).await;
        }
        let receipt = format!("{:08x}", fastrand::u32(..));
        Ok(Verdict::Paid { receipt })
    }

    fn book(&self, event: &Event) -> io::Result<()> {
        let Some(books) = &self.books else {
            return Ok(());
        };
        let verb = match event.kind {
            Kind::Order => "charge",
            Kind::Cancel => "refund",
        };
        let (id, round) = (event.id, event.progress.round);
        let line = format!("{verb} {id} {round}\n");
        // One write, so that lines of several processes do not mix.
        (&**books).write_all(line.as_bytes())
    }
}
