//! Plans with limits of their own behind one layer.

mod limiter;
mod member;

pub use self::limiter::Tiers;
