//! What is counted, told to others.

mod prometheus;
mod told;
