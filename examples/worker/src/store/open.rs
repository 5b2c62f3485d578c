//! Opens the database.

use sqlx::{
    AnyConnection, AnyPool, AssertSqlSafe, ConnectOptions, Executor,
    any::{AnyConnectOptions, AnyPoolOptions},
};

use super::schema;
use crate::time;

/// The connections to PostgreSQL.
const POSTGRES_CONNECTIONS: u32 = 8;

/// The connections that read SQLite while another one writes.
const SQLITE_READERS: u32 = 4;

/// The database. Clones are one.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    /// Writes. SQLite allows one writer at a time, so it has one connection.
    pub(super) write: AnyPool,
    /// Reads, beside the writer.
    pub(super) read: AnyPool,
    /// Which of the two it is.
    pub(super) dialect: Dialect,
    /// A random word that tells this database from any other one.
    name: String,
    /// A random word that tells this process from any other one.
    pub(super) owner: String,
}

/// The two databases, where their statements differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    fn of(url: &str) -> Self {
        match url.starts_with("sqlite:") {
            true => Self::Sqlite,
            false => Self::Postgres,
        }
    }

    /// Returns how a transaction that writes begins. In SQLite it has to wait for
    /// the lock first, because a read cannot become a write later.
    pub(super) fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }

    /// Returns the type of a column that numbers rows.
    fn id(self) -> &'static str {
        match self {
            Self::Sqlite => "INTEGER PRIMARY KEY AUTOINCREMENT",
            Self::Postgres => "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        }
    }

    /// Returns how many connections write, and how many only read.
    fn connections(self) -> (u32, u32) {
        match self {
            Self::Sqlite => (1, SQLITE_READERS),
            Self::Postgres => (POSTGRES_CONNECTIONS, POSTGRES_CONNECTIONS),
        }
    }
}

impl Store {
    /// Opens the database at this URL, and creates its tables if they are missing.
    pub(crate) async fn open(url: &str) -> Result<Self, sqlx::Error> {
        sqlx::any::install_default_drivers();
        let dialect = Dialect::of(url);
        let (writers, readers) = dialect.connections();
        let write = connect(url, writers).await?;
        for statement in schema::statements(dialect.id()) {
            write.execute(AssertSqlSafe(statement)).await?;
        }
        let store = Self {
            name: name(&write).await?,
            read: connect(url, readers).await?,
            owner: random_word(),
            write,
            dialect,
        };
        store.recover().await?;
        Ok(store)
    }

    /// Returns a word that no other database has.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Makes events due at once that the last process held when it died. Only one
    /// process can use a database of SQLite; those of PostgreSQL may be held by
    /// another one, and become due by themselves.
    async fn recover(&self) -> Result<(), sqlx::Error> {
        if self.dialect == Dialect::Sqlite {
            let due = "UPDATE outbox SET due = $1 WHERE state = 'processing'";
            let due = sqlx::query(due).bind(time::now());
            due.execute(&self.write).await?;
        }
        Ok(())
    }

    /// Closes all connections.
    pub(crate) async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }
}

async fn connect(url: &str, connections: u32) -> Result<AnyPool, sqlx::Error> {
    let options = AnyPoolOptions::new().max_connections(connections);
    // Without the check of an idle connection, which would be a call each time.
    let options = options.test_before_acquire(false);
    let options =
        options.after_connect(|connection, _| Box::pin(async move { prepare(connection).await }));
    let to: AnyConnectOptions = url.parse()?;
    options.connect_with(to.disable_statement_logging()).await
}

/// A commit of SQLite survives the machine, and readers do not stop the writer.
async fn prepare(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    if connection.backend_name() == "SQLite" {
        for pragma in [
            "PRAGMA busy_timeout = 5000",
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = FULL",
        ] {
            connection.execute(pragma).await?;
        }
    }
    Ok(())
}

async fn name(pool: &AnyPool) -> Result<String, sqlx::Error> {
    let insert = "INSERT INTO about (one, name) VALUES (1, $1) ON CONFLICT (one) DO NOTHING";
    sqlx::query(insert)
        .bind(random_word())
        .execute(pool)
        .await?;
    sqlx::query_scalar("SELECT name FROM about")
        .fetch_one(pool)
        .await
}

fn random_word() -> String {
    format!("{:016x}", fastrand::u64(..))
}
