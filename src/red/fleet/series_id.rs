//! The identity of a histogram in Redis: a text, and an id made of it. The
//! ledger writes it, and readers parse it.

use sha2::{Digest, Sha256};

use super::label_codec;
use crate::red::{Cause, CompletionKey, Labels, Outcome, Status, registry::settings::MAX_BOUNDS};

/// The identity of a histogram: the responses of a series, or those of its
/// requests that ended with one key.
///
/// Its text consists of the labels and the id of its bounds, and for ends `200
/// ok status prompt` after them. Its id is a hash of the text. So two processes
/// use the same id for the same histogram, and histograms with other bounds
/// have other ids.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SeriesId {
    /// The labels of the series.
    pub(crate) labels: Labels,
    /// The id of its bounds.
    pub(crate) bounds: String,
    /// `None` for responses.
    pub(crate) key: Option<CompletionKey>,
}

impl SeriesId {
    /// Writes the text.
    pub(crate) fn write(&self) -> String {
        let labels = label_codec::write(&self.labels);
        let bounds = &self.bounds;
        match self.key {
            None => format!("{labels} {bounds}"),
            Some(key) => format!("{labels} {bounds} {}", write_key(key)),
        }
    }

    /// Reads the text; `None` if this version does not understand it.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let words: Vec<_> = text.split(' ').collect();
        let (labels, rest) = words.split_first_chunk()?;
        let (bounds, key) = rest.split_first()?;
        Some(Self {
            labels: label_codec::read(*labels)?,
            bounds: (*bounds).to_owned(),
            key: match key {
                [] => None,
                key => Some(read_key(key)?),
            },
        })
    }
}

/// Returns eight bytes of the text's hash. Among ten thousand texts, two have
/// the same id in one of 300 billion fleets.
pub(crate) fn id(text: &str) -> String {
    let digest = Sha256::digest(text);
    digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The first word of bounds. No labels begin with it.
const BOUNDS: &str = "bounds";

/// Writes bounds as text.
pub(crate) fn write_bounds(bounds: &[u64]) -> String {
    let bounds = bounds.iter().map(|bound| format!(" {bound}"));
    BOUNDS
        .chars()
        .chain(bounds.collect::<String>().chars())
        .collect()
}

/// Reads bounds; `None` if a histogram cannot have them.
pub(crate) fn read_bounds(text: &str) -> Option<Vec<u64>> {
    let numbers = text.strip_prefix(BOUNDS)?.strip_prefix(' ')?.split(' ');
    let bounds: Vec<u64> = numbers.map(|it| it.parse().ok()).collect::<Option<_>>()?;
    let rising = bounds.windows(2).all(|pair| pair[0] < pair[1]);
    (rising && bounds.len() <= MAX_BOUNDS).then_some(bounds)
}

/// Writes a completion key as four words.
fn write_key(key: CompletionKey) -> String {
    let outcome = key.outcome.as_str();
    let cause = cause_name(key.cause);
    format!("{} {outcome} {cause} {}", key.status, pace(key.streamed))
}

/// Reads a completion key; `None` if this version does not understand it.
fn read_key(words: &[&str]) -> Option<CompletionKey> {
    let &[status, outcome, cause, pace_name] = words else {
        return None;
    };
    let status = Status::numbered(status.parse().ok()?);
    let outcome = Outcome::named(outcome)?;
    let mut causes = Cause::ALL.into_iter();
    let cause = causes.find(|it| cause_name(*it) == cause)?;
    let streamed = [false, true]
        .into_iter()
        .find(|it| pace(*it) == pace_name)?;
    Some(CompletionKey::new(status, outcome, cause, streamed))
}

/// Returns the word for a cause; `status` for one that the status names.
fn cause_name(cause: Cause) -> &'static str {
    cause.as_str().unwrap_or("status")
}

/// Returns the word for a stream, or for any other response.
fn pace(streamed: bool) -> &'static str {
    if streamed { "stream" } else { "prompt" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::red::labels::Kind;
    use crate::red::labels::LabelsRef;

    fn of(key: Option<CompletionKey>) -> SeriesId {
        SeriesId {
            labels: LabelsRef::overflow(Kind::GrpcServer).to_labels(),
            bounds: id("bounds 1"),
            key,
        }
    }

    #[test]
    fn every_line_comes_back() {
        assert_eq!(SeriesId::read(&of(None).write()), Some(of(None)));
        let statuses = [None, Some(Status::Http(200)), Some(Status::Grpc(17))];
        for outcome in Outcome::ALL {
            for (nth, cause) in Cause::ALL.into_iter().enumerate() {
                let key = CompletionKey::new(statuses[nth % 3], outcome, cause, nth % 2 == 0);
                let series = of(Some(key));
                assert_eq!(SeriesId::read(&series.write()), Some(series));
            }
        }
    }

    #[test]
    fn a_newer_layout_is_not_read() {
        let text = of(Some(CompletionKey::new(
            None,
            Outcome::Ok,
            Cause::Status,
            false,
        )))
        .write();
        for newer in [
            text.replace("ok", "fine"),
            text.replace("status", "weather"),
            text.replace("prompt", "batch"),
            text.replace("grpc_server", "quic_server"),
            format!("{text} more"),
            String::new(),
        ] {
            assert_eq!(SeriesId::read(&newer), None, "{newer}");
        }
    }

    #[test]
    fn bounds_come_back() {
        let bounds = [5_000, 10_000, u64::MAX];
        let text = write_bounds(&bounds);
        assert_eq!(read_bounds(&text).unwrap(), bounds);
        assert_eq!(SeriesId::read(&text), None);
        for wrong in [
            "bounds",
            "bounds ",
            "bounds 2 1",
            "bounds 1 1",
            "bounds -1",
            "1 2",
        ] {
            assert_eq!(read_bounds(wrong), None, "{wrong}");
        }
        let many: Vec<u64> = (0..65).collect();
        assert_eq!(read_bounds(&write_bounds(&many)), None);
    }
}
