use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header::CONTENT_TYPE};

use crate::{
    deadline::enforce::headers::{self, Form, earlier},
    refusal::is_grpc,
};

static GRPC: Field = Field {
    name: headers::GRPC,
    form: Form::Grpc,
};
static REQUEST: Field = Field {
    name: headers::REQUEST,
    form: Form::Text,
};
static ENVOY: Field = Field {
    name: headers::ENVOY,
    form: Form::Millis,
};

/// Which header tells a callee that does not speak gRPC how long it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeoutHeader {
    /// `x-request-timeout: 250ms`.
    #[default]
    Request,
    /// `x-envoy-expected-rq-timeout-ms: 250`.
    Envoy,
}

impl TimeoutHeader {
    /// How a request with this content type is told.
    #[inline]
    pub(super) fn field(self, content_type: Option<&HeaderValue>) -> &'static Field {
        match self {
            _ if content_type.is_some_and(is_grpc) => &GRPC,
            Self::Request => &REQUEST,
            Self::Envoy => &ENVOY,
        }
    }
}

/// A header, and the form that its value has.
pub(super) struct Field {
    name: HeaderName,
    form: Form,
}

impl Field {
    /// What a request says already.
    #[inline]
    pub(super) fn read(&self, headers: &HeaderMap) -> Said {
        let mut said = Said::default();
        for value in values(headers, &self.name) {
            said.values += 1;
            match self.form.read(value.as_bytes()) {
                Ok(timeout) => said.least = earlier(said.least, Some(timeout)),
                Err(_) => said.is_malformed = true,
            }
        }
        said
    }

    /// Says so instead of all that was said; false if that is no time at all.
    pub(super) fn write(&self, timeout: Duration, headers: &mut HeaderMap) -> bool {
        let value = self.form.write(timeout);
        let is_some = value.is_some();
        value.map(|value| headers.insert(&self.name, value));
        is_some
    }
}

/// The content type of a request.
#[inline]
pub(super) fn content_type(headers: &HeaderMap) -> Option<&HeaderValue> {
    values(headers, &CONTENT_TYPE).next()
}

/// Looks at every name, which for the few that a request has is quicker than to
/// hash one.
fn values<'a>(
    headers: &'a HeaderMap,
    wanted: &HeaderName,
) -> impl Iterator<Item = &'a HeaderValue> {
    let named = headers.iter().filter(move |(name, _)| *name == wanted);
    named.map(|(_, value)| value)
}

/// What a request says of its timeout by itself.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// The least of what can be read.
    pub(super) least: Option<Duration>,
    pub(super) is_malformed: bool,
    values: usize,
}

impl Said {
    /// Whether this is what it says, and nothing else: of several values, some
    /// would read the first.
    #[inline]
    pub(super) fn is(&self, timeout: Duration) -> bool {
        self.values == 1 && self.least == Some(timeout)
    }
}
