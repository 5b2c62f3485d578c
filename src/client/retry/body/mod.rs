//! Bodies: of requests, which are sent again, and of responses.

mod by_clone;
mod known;
mod repeatable;
#[cfg(feature = "reqwest")]
mod reqwest_body;
mod response_body;
mod tape;
mod taped_body;

#[cfg(feature = "reqwest")]
pub use self::reqwest_body::ReqwestBodySource;
pub use self::{
    by_clone::CloneSource,
    known::BoxedTapeSource,
    repeatable::{BodySource, RepeatableBody},
    response_body::ResponseBody,
    taped_body::{TapeSource, TapedBody},
};
