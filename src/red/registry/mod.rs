//! Where requests are counted.

pub(super) mod budget;
pub(super) mod completion;
pub(super) mod guard;
mod registry;
pub(super) mod series;
pub(super) mod settings;
pub(super) mod shares;
pub(super) mod table;

pub(super) use self::registry::stripes;
pub use self::registry::{Builder, Registry};
