//! Faults that are planted into the scripts of holds.
