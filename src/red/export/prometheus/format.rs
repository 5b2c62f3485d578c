//! The two text formats, and which of them a scrape gets.

use http::HeaderMap;

use super::{
    accept::{MediaType, NAMED},
    gather::gather,
    text,
};
use crate::red::Registry;

/// A text format of Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Format {
    /// OpenMetrics 1.0, which has exemplars.
    OpenMetrics,
    /// Prometheus' own text 0.0.4, which every version reads.
    Text,
}

impl Format {
    /// Returns the value of the header `Content-Type`.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// Returns the format that the header `Accept` asks for (RFC 9110, section
    /// 12.5.1).
    ///
    /// The most specific range that names a format decides how much it is
    /// wanted, and the one with the higher weight is chosen. With equal weights
    /// it is OpenMetrics if a range names that, or else the text. A request
    /// that accepts neither gets the text.
    pub(crate) fn preferred(headers: &HeaderMap) -> Self {
        let (open, text) = (OPEN.preference(headers), TEXT.preference(headers));
        let is_named = open.precision >= NAMED && open.weight > 0;
        match open.weight > text.weight || (is_named && open.weight == text.weight) {
            true => Self::OpenMetrics,
            false => Self::Text,
        }
    }
}

impl Registry {
    /// Writes everything that was counted up to now as OpenMetrics text.
    ///
    /// ```
    /// use sluicegate::red::Registry;
    ///
    /// assert!(Registry::new().prometheus().ends_with("# EOF\n"));
    /// ```
    pub fn prometheus(&self) -> String {
        self.prometheus_as(Format::OpenMetrics)
    }

    /// Writes the same in the format that the headers of a scrape accept.
    /// Returns the value of `Content-Type` and the text.
    ///
    /// It is OpenMetrics if `Accept` prefers that (RFC 9110, section 12.5.1),
    /// or else Prometheus' own text 0.0.4. With axum, `scrape` does all of it.
    ///
    /// ```
    /// use http::{HeaderMap, HeaderValue};
    /// use sluicegate::red::Registry;
    ///
    /// let mut headers = HeaderMap::new();
    /// let accept = "application/openmetrics-text; version=1.0.0, text/plain; q=0.5";
    /// headers.insert("accept", HeaderValue::from_static(accept));
    /// let (content_type, text) = Registry::new().prometheus_for(&headers);
    /// assert!(content_type.starts_with("application/openmetrics-text"));
    /// assert!(text.ends_with("# EOF\n"));
    /// ```
    pub fn prometheus_for(&self, headers: &HeaderMap) -> (&'static str, String) {
        let format = Format::preferred(headers);
        (format.content_type(), self.prometheus_as(format))
    }

    /// Writes everything in this format.
    fn prometheus_as(&self, format: Format) -> String {
        let exposition = gather(self);
        match format {
            Format::OpenMetrics => text::open_metrics(exposition),
            Format::Text => text::classic(exposition),
        }
    }
}

/// OpenMetrics, as a scrape may ask for it.
const OPEN: MediaType = MediaType {
    media: ("application", "openmetrics-text"),
    parameters: &[("version", "1.0.0"), ("charset", "utf-8")],
};

/// Prometheus' own text, as a scrape may ask for it.
const TEXT: MediaType = MediaType {
    media: ("text", "plain"),
    parameters: &[("version", "0.0.4"), ("charset", "utf-8")],
};

#[cfg(test)]
mod tests {
    use super::*;

    fn preferred(accept: &str) -> Format {
        let mut headers = HeaderMap::new();
        headers.insert("accept", accept.parse().unwrap());
        Format::preferred(&headers)
    }

    #[test]
    fn open_metrics_has_to_be_preferred() {
        for accept in [
            "application/openmetrics-text",
            "Application/OpenMetrics-Text; Version=\"1.0.0\"; charset=utf-8",
            // Prometheus 2 and 3.
            "application/openmetrics-text;version=1.0.0,\
             application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            // A specific range goes before one for all types.
            "*/*;q=0.9, application/openmetrics-text;q=0.8, text/plain;q=0.7",
            "text/plain;q=0, */*",
            "application/*",
            "text/*;q=0.1, application/*;q=0.2",
            "application/openmetrics-text;q=0.1, text/plain;version=1.0.0",
        ] {
            assert_eq!(preferred(accept), Format::OpenMetrics, "{accept}");
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
            assert_eq!(preferred(accept), Format::Text, "{accept}");
        }
    }
}
