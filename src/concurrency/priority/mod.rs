//! Priorities: which requests an overloaded service sheds first.

mod cut_off;
mod rank;

pub(crate) use self::cut_off::CutOffController;
pub use self::{cut_off::CutOff, rank::Rank};
