//! Counts events by their state.

use std::collections::BTreeMap;

use sqlx::Row;

use super::open::Store;

/// How many events there are. `accepted` is the sum of the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// All of them.
    pub(crate) accepted: u64,
    /// Those that are done.
    pub(crate) completed: u64,
    /// Those that wait in the outbox.
    pub(crate) backlog: u64,
    /// Those that a worker holds.
    pub(crate) held: u64,
    /// The dead letters, by their reason.
    pub(crate) dead: BTreeMap<String, u64>,
}

impl Totals {
    /// Returns how many are still to be done.
    pub(crate) fn pending(&self) -> u64 {
        self.backlog + self.held
    }
}

impl Store {
    /// Counts all events. It reads the indices of pending and of dead ones only,
    /// because completed ones are the rest.
    pub(crate) async fn totals(&self) -> Result<Totals, sqlx::Error> {
        let count = "SELECT state, COALESCE(reason, '') AS reason, COUNT(*) AS events FROM outbox \
            WHERE state IN ('received', 'processing', 'failed_retry') \
            GROUP BY state, COALESCE(reason, '') \
            UNION ALL SELECT state, COALESCE(reason, ''), COUNT(*) FROM outbox \
            WHERE state = 'failed' GROUP BY state, COALESCE(reason, '') \
            UNION ALL SELECT 'all', '', COUNT(*) FROM orders \
            UNION ALL SELECT 'all', '', COUNT(*) FROM orders WHERE cancel IS NOT NULL";
        let mut totals = Totals::default();
        for row in sqlx::query(count).fetch_all(&self.read).await? {
            let (state, reason): (String, String) = (row.try_get("state")?, row.try_get("reason")?);
            let events: i64 = row.try_get("events")?;
            totals.add(&state, reason, u64::try_from(events).unwrap_or(0));
        }
        let dead: u64 = totals.dead.values().sum();
        let open = dead + totals.pending();
        totals.completed = totals.accepted.saturating_sub(open);
        Ok(totals)
    }
}

impl Totals {
    fn add(&mut self, state: &str, reason: String, events: u64) {
        match state {
            "all" => self.accepted += events,
            "processing" => self.held += events,
            "failed" => *self.dead.entry(reason).or_default() += events,
            _ => self.backlog += events,
        }
    }
}
