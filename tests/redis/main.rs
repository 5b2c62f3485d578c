//! Limits against real Redis servers, which the tests start on free ports and
//! end by their process ids.

mod server;
