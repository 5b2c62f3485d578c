//! The layers around clients, from outside.

#![allow(clippy::unwrap_used, reason = "what is not there fails the test")]

mod advice;
mod obey;
mod recipes;
mod retry;
mod scripted;
mod throttle;
