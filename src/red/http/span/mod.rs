//! A request on its way: until its response begins, and until that ends.
//!
//! | file | contents |
//! |---|---|
//! | `request_span` | a request until its response begins |
//! | `response_span` | a response to its end, which is counted in a series |
//! | `response_end` | a response to its end, for other layers |

mod request_span;
mod response_end;
mod response_span;

pub(crate) use self::{
    request_span::{RequestSpan, own},
    response_end::{Ended, ResponseEnd},
    response_span::ResponseSpan,
};
