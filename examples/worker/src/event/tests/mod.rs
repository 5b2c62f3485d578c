//! Laws of the rule, over random histories and over all crashes.

mod crashes;
mod histories;
mod world;

pub(crate) use self::histories::any_step;
