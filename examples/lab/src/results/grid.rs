//! The same traffic under many quotas: the figures behind the slider of the report.

use serde::{Deserialize, Serialize};

use super::Figures;

/// All quotas of the comparison: every amount with every burst, in one period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grid {
    /// The period of all quotas.
    pub period_us: u64,
    /// The amounts, from the smallest.
    pub amounts: Vec<u64>,
    /// The bursts, from the smallest.
    pub bursts: Vec<u64>,
    /// The quota that the report begins with.
    pub base: Base,
    /// The cells, the bursts of the first amount first: the cell of amount `i` and
    /// burst `j` is at `i * bursts.len() + j`.
    pub cells: Vec<Cell>,
}

/// The places of an amount and a burst in the lists of a [`Grid`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// The place of the amount.
    pub amount: usize,
    /// The place of the burst.
    pub burst: usize,
}

/// Everything that was simulated under one quota.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// The quota as text: `100/10s burst 20`.
    pub quota: String,
    /// The figures, the rules of the first traffic first: those of traffic `i` and
    /// rule `j` are at `i * rules.len() + j`.
    pub figures: Vec<Figures>,
}

impl Grid {
    /// Returns the cell of an amount and a burst, by their places in the lists.
    ///
    /// # Panics
    ///
    /// If there is no such amount or burst.
    pub fn cell(&self, amount: usize, burst: usize) -> &Cell {
        &self.cells[amount * self.bursts.len() + burst]
    }
}
