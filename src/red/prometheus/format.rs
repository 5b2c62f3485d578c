use http::{HeaderMap, HeaderValue, header::ACCEPT};

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

    /// What a request with these headers asks for: OpenMetrics if `Accept` names it
    /// and does not prefer text, and text else.
    ///
    /// ```
    /// use http::{HeaderMap, header::ACCEPT};
    /// use sluicegate::red::prometheus::Format;
    ///
    /// let mut headers = HeaderMap::new();
    /// assert_eq!(Format::asked_for(&headers), Format::Text);
    /// let accept = "application/openmetrics-text; version=1.0.0, text/plain; q=0.5";
    /// headers.insert(ACCEPT, accept.parse().unwrap());
    /// assert_eq!(Format::asked_for(&headers), Format::OpenMetrics);
    /// ```
    pub fn asked_for(headers: &HeaderMap) -> Self {
        let (mut open, mut text) = (0.0, 0.0);
        for range in ranges(headers) {
            match range.format {
                Self::OpenMetrics => open = range.weight.max(open),
                Self::Text => text = range.weight.max(text),
            }
        }
        if open > 0.0 && open >= text {
            return Self::OpenMetrics;
        }
        Self::Text
    }
}

/// A part of `Accept`, as far as it allows one of the formats.
struct Range {
    format: Format,
    weight: f32,
}

fn ranges(headers: &HeaderMap) -> impl Iterator<Item = Range> {
    let values = headers.get_all(ACCEPT).into_iter();
    let values = values.filter_map(|value| HeaderValue::to_str(value).ok());
    values.flat_map(|value| value.split(',')).filter_map(range)
}

fn range(range: &str) -> Option<Range> {
    let mut parts = range.split(';').map(str::trim);
    let format = match parts.next()?.to_ascii_lowercase().as_str() {
        "application/openmetrics-text" => Format::OpenMetrics,
        "text/plain" | "text/*" | "*/*" => Format::Text,
        _ => return None,
    };
    let parameter = |name: &str| {
        let mut pairs = parts.clone().filter_map(|part| part.split_once('='));
        pairs.find(|(key, _)| key.eq_ignore_ascii_case(name))
    };
    // Any version of text will do; 0.0.1 of OpenMetrics is not this one.
    let version = parameter("version").map_or("1.0.0", |(_, version)| version);
    let is_known = format == Format::Text || version.trim_matches('"') == "1.0.0";
    let weight = parameter("q").map_or(Some(1.0), |(_, q)| q.parse().ok())?;
    is_known.then_some(Range { format, weight })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked_for(accept: &str) -> Format {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
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
        ] {
            assert_eq!(asked_for(accept), Format::Text, "{accept}");
        }
    }
}
