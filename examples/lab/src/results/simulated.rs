//! `results.json`, and what its lists are about.

use serde::{Deserialize, Serialize};

use super::{Cell, Figures, Grid};

/// `results.json`: made-up traffic, played through rules in virtual time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// The version of this format, [`Results::SCHEMA`].
    pub schema: u32,
    /// The command that writes the same file again.
    pub command: String,
    /// The start of the random numbers.
    pub seed: u64,
    /// The rules and peers, in the order of the columns.
    pub rules: Vec<Rule>,
    /// The traffic, in the order of the rows.
    pub traffic: Vec<Traffic>,
    /// The outcomes, by quota and burst.
    pub grid: Grid,
}

/// A rule of this crate or of a peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// A short name for code and addresses: `token-bucket`.
    pub id: String,
    /// The name to show: `token bucket`.
    pub title: String,
    /// The crate that decides, with its version.
    pub library: String,
    /// Whether the crate itself decided, or a model of its published rule.
    pub source: Source,
    /// A sentence that says what the rule lets pass.
    pub about: String,
    /// A sentence that says what a refused client is told.
    pub retry: String,
}

impl Rule {
    /// Whether a model decided.
    pub fn is_model(&self) -> bool {
        self.source == Source::Model
    }

    /// Returns the name for plots and tables, which marks models:
    /// `limitador, fixed window (model)`.
    pub fn label(&self) -> String {
        let mark = if self.is_model() { " (model)" } else { "" };
        format!("{}{mark}", self.title)
    }
}

/// The maker of the decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The crate itself, at a clock that the lab sets.
    Real,
    /// A model of the rule, which a test compares with the crate.
    Model,
}

/// A pattern of traffic. It is the same for all rules and quotas, except that
/// clients which wait for answers or retry depend on them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// A short name for code and addresses: `steady`.
    pub id: String,
    /// The name to show.
    pub title: String,
    /// A sentence that says what the clients do.
    pub about: String,
    /// The number of clients.
    pub clients: u32,
    /// Whether all clients share one bucket. Otherwise each has its own.
    pub shared: bool,
    /// The length of the traffic.
    pub duration_us: u64,
    /// The length of a bin of [`Figures::arrivals`] and
    /// [`Figures::admissions`].
    pub bin_us: u64,
}

impl Results {
    /// The version of the format that this crate writes and reads.
    pub const SCHEMA: u32 = 1;

    /// Returns the cell of the quota that the report begins with.
    ///
    /// # Panics
    ///
    /// If the grid has no such cell.
    pub fn base(&self) -> &Cell {
        let base = self.grid.base;
        self.grid.cell(base.amount, base.burst)
    }

    /// Returns the figures of a traffic under a rule in a cell, by their places in
    /// [`traffic`](Self::traffic) and [`rules`](Self::rules).
    ///
    /// # Panics
    ///
    /// If there is no such traffic or rule.
    pub fn figures<'a>(&self, cell: &'a Cell, traffic: usize, rule: usize) -> &'a Figures {
        &cell.figures[traffic * self.rules.len() + rule]
    }
}
