//! Made-up traffic, played through all rules.

mod command;

pub use self::command::Command;
