//! Reads the rows of the database, and the books of the provider.

use std::{collections::HashMap, fs};

use sqlx::{AnyPool, any::AnyPoolOptions};

use super::folder::Folder;

/// The database, read without the worker.
#[derive(Debug)]
pub(crate) struct Books {
    pool: AnyPool,
}

impl Books {
    pub(crate) async fn open(database: &str) -> Self {
        sqlx::any::install_default_drivers();
        let pool = AnyPoolOptions::new().max_connections(1).connect(database);
        let pool = pool.await.unwrap();
        Self { pool }
    }

    /// Returns the number that a query counts.
    pub(crate) async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query)
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    /// Asserts the law from the rows themselves: accepted = completed + dead letters +
    /// pending, and each completed event has one entry, and no other event has any.
    pub(crate) async fn assert_sound(&self) {
        let accepted = self.count("SELECT COUNT(*) FROM outbox").await;
        let completed = self.count("SELECT COUNT(*) FROM outbox WHERE state = 'completed'");
        let completed = completed.await;
        let dead = self
            .count("SELECT COUNT(*) FROM outbox WHERE state = 'failed'")
            .await;
        let pending = "SELECT COUNT(*) FROM outbox \
            WHERE state IN ('received', 'processing', 'failed_retry')";
        assert_eq!(accepted, completed + dead + self.count(pending).await);

        let twice = "SELECT COUNT(*) FROM (SELECT event_id FROM entries \
            GROUP BY event_id HAVING COUNT(*) > 1) AS twice";
        assert_eq!(self.count(twice).await, 0, "booked twice");
        let without = "SELECT COUNT(*) FROM outbox WHERE state = 'completed' \
            AND id NOT IN (SELECT event_id FROM entries)";
        assert_eq!(self.count(without).await, 0, "completed and not booked");
        assert_eq!(self.count("SELECT COUNT(*) FROM entries").await, completed);
        let wrong = "SELECT CAST(SUM(cents) AS BIGINT) - (SELECT cents FROM account) FROM \
            (SELECT cents FROM entries UNION ALL SELECT 0) AS all_entries";
        assert_eq!(self.count(wrong).await, 0, "the balance is not the sum");
        let lost = "SELECT COUNT(*) FROM orders WHERE NOT EXISTS \
            (SELECT 1 FROM outbox WHERE outbox.id = orders.id)";
        assert_eq!(self.count(lost).await, 0, "an order without its event");
    }
}

/// Returns how often the provider was called for each event and round.
pub(crate) fn provider_calls(folder: &Folder) -> HashMap<String, u32> {
    let mut calls = HashMap::new();
    let books = fs::read_to_string(folder.provider_books()).unwrap_or_default();
    for line in books.lines() {
        *calls.entry(line.to_owned()).or_default() += 1;
    }
    calls
}
