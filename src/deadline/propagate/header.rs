//! The header that tells a callee how long it has. `settings` reads what a
//! request says already, and writes what is left.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header::CONTENT_TYPE};

use crate::{
    deadline::{
        Form,
        deadline::earlier,
        wire::{self, REQUEST},
    },
    refusal::is_grpc,
};

static GRPC: TimeoutHeader = TimeoutHeader {
    name: wire::GRPC,
    form: Form::Grpc,
};

/// A header, and the form of its value.
#[derive(Clone, Debug)]
pub(super) struct TimeoutHeader {
    pub(super) name: HeaderName,
    pub(super) form: Form,
}

/// The default for callees that do not speak gRPC.
impl Default for TimeoutHeader {
    fn default() -> Self {
        Self {
            name: REQUEST,
            form: Form::Text,
        }
    }
}

impl TimeoutHeader {
    /// Returns the header for a request with this content type.
    #[inline]
    pub(super) fn of(&self, content_type: Option<&HeaderValue>) -> &Self {
        match content_type.is_some_and(is_grpc) {
            true => &GRPC,
            false => self,
        }
    }

    /// Reads what a request says already.
    #[inline]
    pub(super) fn read(&self, headers: &HeaderMap) -> PresetTimeout {
        let mut preset = PresetTimeout::default();
        for value in values(headers, &self.name) {
            preset.values += 1;
            match self.form.read(value.as_bytes()) {
                Some(timeout) => preset.least = earlier(preset.least, Some(timeout)),
                None => preset.is_malformed = true,
            }
        }
        preset
    }

    /// Replaces all values by this timeout. Returns false, and changes nothing,
    /// if it is too short to be written.
    pub(super) fn write(&self, timeout: Duration, headers: &mut HeaderMap) -> bool {
        let value = self.form.write(timeout);
        let is_some = value.is_some();
        value.map(|value| headers.insert(&self.name, value));
        is_some
    }
}

/// Returns the content type of a request.
#[inline]
pub(super) fn content_type(headers: &HeaderMap) -> Option<&HeaderValue> {
    values(headers, &CONTENT_TYPE).next()
}

/// Compares every name, which is quicker than hashing one for the few headers
/// that a request has.
fn values<'a>(
    headers: &'a HeaderMap,
    wanted: &HeaderName,
) -> impl Iterator<Item = &'a HeaderValue> {
    let named = headers.iter().filter(move |(name, _)| *name == wanted);
    named.map(|(_, value)| value)
}

/// The timeout that a request has before the layer sees it.
#[derive(Debug, Default)]
pub(super) struct PresetTimeout {
    /// The smallest one that can be read.
    pub(super) least: Option<Duration>,
    /// Whether one of them cannot be read.
    pub(super) is_malformed: bool,
    /// How many there are.
    values: usize,
}

impl PresetTimeout {
    /// Returns whether the request says exactly this. Several values are not
    /// that, because some callees read the first.
    #[inline]
    pub(super) fn is(&self, timeout: Duration) -> bool {
        self.values == 1 && self.least == Some(timeout)
    }
}
