//! Replaces the server: the commands that scripts call, over a [`Store`].
//!
//! [`Server`] finds the function of a command by its name. A command or an option
//! that is not here fails the script, so that no search passes over it in silence.
//! The functions of each type of value stand in a file of its own; a new command
//! goes there, and into the table in `command.rs`.

mod command;
mod hashes;
mod keys;
mod lists;
mod reply;
mod sorted_sets;
mod strings;

pub(crate) use self::{command::Server, reply::Answer};
