use http::HeaderMap;

use super::{
    accept::{MediaType, NAMED},
    exposition, text,
};
use crate::red::registry::Registry;

/// In which form Prometheus is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// OpenMetrics 1.0, which has exemplars.
    OpenMetrics,
    /// Prometheus' own text 0.0.4, which everything reads.
    Text,
}

impl Format {
    /// What the header `Content-Type` has to say.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// What a request with these headers asks for, by `Accept` (RFC 9110, section
    /// 12.5.1): the most specific range that a format is in decides how much it is
    /// wanted, and the one that is wanted more is the answer. Where both are wanted as
    /// much, it is OpenMetrics if that is named, and text else. A request that accepts
    /// neither gets text.
    ///
    /// ```
    /// use http::{HeaderMap, header::ACCEPT};
    /// use sluicegate::red::prometheus::Format;
    ///
    /// let mut headers = HeaderMap::new();
    /// assert_eq!(Format::asked_for(&headers), Format::Text);
    /// let accept = "application/openmetrics-text; version=1.0.0, text/plain; q=0.5";
    /// headers.insert("accept", accept.parse().unwrap());
    /// assert_eq!(Format::asked_for(&headers), Format::OpenMetrics);
    /// ```
    pub fn asked_for(headers: &HeaderMap) -> Self {
        let (open, text) = (OPEN.preference(headers), TEXT.preference(headers));
        let is_named = open.precision >= NAMED && open.weight > 0;
        match open.weight > text.weight || (is_named && open.weight == text.weight) {
            true => Self::OpenMetrics,
            false => Self::Text,
        }
    }
}

impl Registry {
    /// What was counted up to now, in OpenMetrics' text.
    ///
    /// ```
    /// use sluicegate::red::Registry;
    ///
    /// assert!(Registry::new().prometheus().ends_with("# EOF\n"));
    /// ```
    pub fn prometheus(&self) -> String {
        self.prometheus_as(Format::OpenMetrics)
    }

    /// The same in this format.
    pub fn prometheus_as(&self, format: Format) -> String {
        let exposition = exposition::gather(self);
        match format {
            Format::OpenMetrics => text::open(exposition),
            Format::Text => text::classic(exposition),
        }
    }
}

const OPEN: MediaType = MediaType {
    media: ("application", "openmetrics-text"),
    parameters: &[("version", "1.0.0"), ("charset", "utf-8")],
};

const TEXT: MediaType = MediaType {
    media: ("text", "plain"),
    parameters: &[("version", "0.0.4"), ("charset", "utf-8")],
};

#[cfg(test)]
mod tests {
    use super::*;

    fn asked_for(accept: &str) -> Format {
        let mut headers = HeaderMap::new();
        headers.insert("accept", accept.parse().unwrap());
        Format::asked_for(&headers)
    }

    #[test]
    fn open_metrics_has_to_be_asked_for() {
        for accept in [
            "application/openmetrics-text",
            "Application/OpenMetrics-Text; Version=\"1.0.0\"; charset=utf-8",
            // Prometheus 2 and 3.
            "application/openmetrics-text;version=1.0.0,\
             application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            // A range of one's own goes before one for all.
            "*/*;q=0.9, application/openmetrics-text;q=0.8, text/plain;q=0.7",
            "text/plain;q=0, */*",
            "application/*",
            "text/*;q=0.1, application/*;q=0.2",
            "application/openmetrics-text;q=0.1, text/plain;version=1.0.0",
        ] {
            assert_eq!(asked_for(accept), Format::OpenMetrics, "{accept}");
        }
        for accept in [
            "",
            "*/*",
            "text/html,application/xhtml+xml,*/*;q=0.8",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;q=often",
            "application/openmetrics-text;version=0.0.1",
            "application/openmetrics-text;q=0.4, text/plain;q=0.6",
            "application/openmetrics-text;q=0, */*",
            "application/openmetrics-text;q=0.4, */*",
            "application/*;q=0, */*;q=0.1",
            "text/plain;q=0, application/openmetrics-text;q=0",
        ] {
            assert_eq!(asked_for(accept), Format::Text, "{accept}");
        }
    }
}
