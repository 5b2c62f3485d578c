//! `lab replay` and `lab recommend` as operators run them: on files, compressed,
//! rotated, broken, and from standard input.

mod files;
mod inputs;
mod memory;
mod recommend;
mod run;
