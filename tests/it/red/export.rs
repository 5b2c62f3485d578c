//! What is counted, told to others.

mod told;
