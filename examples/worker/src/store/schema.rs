//! The tables.
//!
//! `entries` has no unique column on purpose: an amount that was booked twice
//! would be there twice, and the balance would show it.

/// Statements that are the same for both databases, but for `{id}`, which numbers
/// rows.
const TABLES: &[&str] = &[
    // A random word that tells this database from any other one.
    "CREATE TABLE IF NOT EXISTS about (one BIGINT PRIMARY KEY, name TEXT NOT NULL)",
    // `name` is the digest of an idempotency key and its scope.
    "CREATE TABLE IF NOT EXISTS outbox (
        id {id},
        name TEXT NOT NULL UNIQUE,
        fingerprint TEXT NOT NULL,
        kind TEXT NOT NULL,
        order_id BIGINT,
        content TEXT NOT NULL,
        state TEXT NOT NULL,
        reason TEXT,
        error TEXT,
        attempts BIGINT NOT NULL,
        takes BIGINT NOT NULL,
        round BIGINT NOT NULL,
        due BIGINT NOT NULL,
        owner TEXT,
        deadline TEXT,
        expires BIGINT
    )",
    "CREATE INDEX IF NOT EXISTS outbox_due ON outbox (due, id)
        WHERE state IN ('received', 'processing', 'failed_retry')",
    "CREATE INDEX IF NOT EXISTS outbox_failed ON outbox (id) WHERE state = 'failed'",
    "CREATE TABLE IF NOT EXISTS orders (
        id BIGINT PRIMARY KEY,
        item TEXT NOT NULL,
        cents BIGINT NOT NULL,
        cancel BIGINT
    )",
    "CREATE TABLE IF NOT EXISTS entries (
        id {id},
        event_id BIGINT NOT NULL,
        order_id BIGINT NOT NULL,
        cents BIGINT NOT NULL,
        receipt TEXT NOT NULL
    )",
    "CREATE INDEX IF NOT EXISTS entries_order ON entries (order_id)",
    "CREATE TABLE IF NOT EXISTS account (one BIGINT PRIMARY KEY, cents BIGINT NOT NULL)",
    "INSERT INTO account (one, cents) VALUES (1, 0) ON CONFLICT (one) DO NOTHING",
];

/// Returns the statements that create what is missing.
pub(super) fn statements(id: &'static str) -> impl Iterator<Item = String> {
    TABLES.iter().map(move |table| table.replace("{id}", id))
}
