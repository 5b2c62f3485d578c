//! Counting windows, the base of the fixed and the sliding window. The twin is
//! `lua/window.lua`.

mod change;
#[allow(clippy::module_inception)]
mod window;

pub(super) use self::window::{View, Window};
