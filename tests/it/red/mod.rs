//! Every request is counted once, whatever happens to it.

mod support;

mod law;
