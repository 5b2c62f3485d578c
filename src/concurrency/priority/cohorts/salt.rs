//! The salt of cohorts, and the clock whose hour counts.

use crate::clock::{Clock, Tick};

#[cfg(feature = "redis")]
use super::fleet::FleetSalt;
#[cfg(feature = "redis")]
use crate::redis::Connection;

/// Where salt and time come from.
pub(super) enum SaltSource {
    /// The salt of this process, and its clock.
    Fixed([u8; 16], Box<dyn Fn() -> Tick + Send + Sync>),
    #[cfg(feature = "redis")]
    Fleet(FleetSalt),
}

impl SaltSource {
    pub(super) fn fixed(salt: [u8; 16], clock: impl Clock) -> Self {
        Self::Fixed(salt, Box::new(move || clock.now()))
    }

    #[cfg(feature = "redis")]
    pub(super) fn fleet(connection: &Connection, name: &str) -> Self {
        Self::Fleet(FleetSalt::new(connection, name))
    }

    /// Returns the salt, and the present instant since 1970.
    pub(super) fn now(&self) -> ([u8; 16], Tick) {
        match self {
            Self::Fixed(salt, clock) => (*salt, clock()),
            #[cfg(feature = "redis")]
            Self::Fleet(fleet) => fleet.now(),
        }
    }
}
