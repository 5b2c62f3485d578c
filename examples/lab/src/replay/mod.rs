//! Recorded traffic, played through the limits of your choice.
