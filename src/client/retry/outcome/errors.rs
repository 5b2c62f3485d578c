//! Which errors say that a call was not processed.
//!
//! | error | the call |
//! |---|---|
//! | a connect error of hyper-util or tonic, a refused connection | was not sent |
//! | a request that hyper gives back, because the connection has closed | was not sent |
//! | `REFUSED_STREAM`; a `GOAWAY` whose last stream is an earlier one | was not processed (RFC 9113, sections 8.7 and 6.8) |
//! | an error of hyper about its user, such as a failed request body; one of reqwest about a request or a redirect | is not to be repeated |
//! | any other | may have been processed |

use std::{any::Any, error::Error, io, iter};

use super::{
    finding::{Finding, Progress},
    read_error::ReadError,
};
use crate::{client::retry::observe::Stop, error::BoxError, refusal::Refusal};

/// Returns what an error says.
pub(in crate::client::retry) fn find_in_error<E: 'static>(
    error: &E,
    own: Option<&dyn ReadError>,
) -> Finding {
    let known = known(error);
    let of_link = |own: &dyn ReadError| chain(known).find_map(|link| own.read_link(link));
    if let Some(progress) = own.and_then(|own| own.read(error).or_else(|| of_link(own))) {
        return Finding::failure(progress);
    }
    if let Some(io) = known.and_then(|error| error.downcast_ref::<io::Error>())
        && io.kind() == io::ErrorKind::ConnectionRefused
    {
        return Finding::failure(Progress::NotSent);
    }
    let found = chain(known).find_map(find_in_link);
    found.unwrap_or(Finding::failure(Progress::Unknown))
}

/// Returns what an error of a service says that was not ready.
pub(in crate::client::retry) fn find_not_sent<E: 'static>(error: &E) -> Finding {
    let refusal = chain(known(error)).find_map(|link| link.downcast_ref::<Refusal>());
    refusal.map_or(Finding::failure(Progress::NotSent), Finding::of_refusal)
}

/// Returns an error and its sources.
fn chain<'a>(
    first: Option<&'a (dyn Error + 'static)>,
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(first, |&error| error.source())
}

/// Returns what one error in a chain says.
fn find_in_link(error: &(dyn Error + 'static)) -> Option<Finding> {
    if let Some(refusal) = error.downcast_ref::<Refusal>() {
        return Some(Finding::of_refusal(refusal));
    }
    if let Some(h2) = error.downcast_ref::<h2::Error>() {
        return is_unseen(h2).then_some(Finding::failure(Progress::NotProcessed));
    }
    if let Some(hyper) = error.downcast_ref::<hyper::Error>() {
        return find_in_hyper(hyper);
    }
    #[cfg(feature = "reqwest")]
    if let Some(reqwest) = error.downcast_ref::<reqwest::Error>()
        && (reqwest.is_builder() || reqwest.is_redirect())
    {
        return Some(Finding::Final(Stop::NotRepeatable));
    }
    is_connect(error).then_some(Finding::failure(Progress::NotSent))
}

/// Returns whether the service has not seen the stream. A `GOAWAY` is the error
/// of exactly the streams behind the last one that it names.
fn is_unseen(error: &h2::Error) -> bool {
    match error.is_go_away() {
        true => error.is_remote(),
        false => error.reason() == Some(h2::Reason::REFUSED_STREAM),
    }
}

fn find_in_hyper(error: &hyper::Error) -> Option<Finding> {
    if error.is_canceled() || error.is_closed() {
        return Some(Finding::failure(Progress::NotSent));
    }
    error
        .is_user()
        .then_some(Finding::Final(Stop::NotRepeatable))
}

fn is_connect(error: &(dyn Error + 'static)) -> bool {
    #[cfg(feature = "tonic")]
    if error.is::<tonic::ConnectError>() {
        return true;
    }
    let legacy = error.downcast_ref::<hyper_util::client::legacy::Error>();
    legacy.is_some_and(hyper_util::client::legacy::Error::is_connect)
}

/// Returns the error, if it is of a type that is listed here. A type parameter
/// has no bound that holds for errors and boxed errors.
fn known<E: 'static>(error: &E) -> Option<&(dyn Error + 'static)> {
    let error: &dyn Any = error;
    if let Some(boxed) = error.downcast_ref::<BoxError>() {
        return Some(&**boxed);
    }
    let listed = [
        of::<hyper_util::client::legacy::Error>,
        of::<hyper::Error>,
        of::<h2::Error>,
        of::<io::Error>,
        of::<Refusal>,
        #[cfg(feature = "tonic")]
        of::<tonic::transport::Error>,
        #[cfg(feature = "reqwest")]
        of::<reqwest::Error>,
    ];
    listed.into_iter().find_map(|of| of(error))
}

fn of<E: Error + 'static>(error: &dyn Any) -> Option<&(dyn Error + 'static)> {
    error.downcast_ref::<E>().map(|error| error as _)
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;
    use crate::client::retry::outcome::{Delay, ErrorReader};

    const NOT_PROCESSED: Finding = Finding::Failure {
        progress: Progress::NotProcessed,
        delay: Delay::Unsaid,
    };

    #[test]
    fn a_refused_stream_was_not_processed_and_a_reset_may_have_been() {
        let error = |reason| h2::Error::from(reason);
        let refused = error(h2::Reason::REFUSED_STREAM);
        assert_eq!(find_in_error(&refused, None), NOT_PROCESSED);
        let boxed: BoxError = refused.into();
        assert_eq!(find_in_error(&boxed, None), NOT_PROCESSED);
        let reset = error(h2::Reason::INTERNAL_ERROR);
        let unknown = Finding::failure(Progress::Unknown);
        assert_eq!(find_in_error(&reset, None), unknown);
    }

    #[test]
    fn a_refused_connection_counts_only_where_it_is_the_error_itself() {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let not_sent = Finding::failure(Progress::NotSent);
        assert_eq!(find_in_error(&refused(), None), not_sent);
        let unknown = Finding::failure(Progress::Unknown);
        let of_a_handler: BoxError = io::Error::other(refused()).into();
        assert_eq!(find_in_error(&of_a_handler, None), unknown);
    }

    /// An error with a source.
    #[derive(Debug)]
    struct Outer(fmt::Error);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("outer")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn an_application_reads_its_errors_wherever_they_are() {
        let own = ErrorReader::new(|_: &fmt::Error| Some(Progress::NotSent));
        let read = |error: BoxError| find_in_error(&error, Some(&own));
        let not_sent = Finding::failure(Progress::NotSent);
        assert_eq!(find_in_error(&fmt::Error, Some(&own)), not_sent);
        assert_eq!(read(fmt::Error.into()), not_sent);
        assert_eq!(read(Outer(fmt::Error).into()), not_sent);
        assert_eq!(read("other".into()), Finding::failure(Progress::Unknown));
    }

    #[test]
    fn our_own_refusals_are_final() {
        let late: BoxError = Refusal::deadline_exceeded().into();
        let refused = Finding::Final(Stop::Refused);
        assert_eq!(find_in_error(&late, None), refused);
        assert_eq!(find_not_sent(&late), refused);
        let attempt = Refusal::deadline_exceeded().by_bound(true);
        let unknown = Finding::failure(Progress::Unknown);
        assert_eq!(find_in_error(&attempt, None), unknown);
    }
}
