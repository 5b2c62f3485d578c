//! Keys: the address of a client, and the form in which stores see keys.

mod client_ip;
mod encoding;
