//! The names and help texts of the metrics about requests.

use crate::red::Kind;

/// The metrics about requests of one kind.
pub(crate) struct Families {
    /// Durations until the end of requests.
    pub(crate) durations: Family,
    /// The same for streams, whose buckets are wider.
    pub(crate) streams: Family,
    /// Durations until there was a response. Calls of other services have none,
    /// because their result is their response.
    pub(crate) heads: Option<Family>,
    /// The number of requests in flight.
    pub(crate) active: Family,
}

/// One metric, with all its label sets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Family {
    /// The name with dots, as in OpenTelemetry.
    pub(crate) name: &'static str,
    /// The unit in UCUM's notation, such as `s` or `{request}`.
    pub(crate) unit: &'static str,
    /// The help text of Prometheus and the description of OpenTelemetry.
    pub(crate) help: &'static str,
}

impl Families {
    /// Returns the metrics of a kind.
    pub(crate) fn of(kind: Kind) -> &'static Self {
        match kind {
            Kind::HttpServer => &HTTP_SERVER,
            Kind::HttpClient => &HTTP_CLIENT,
            Kind::GrpcServer => &GRPC_SERVER,
            Kind::GrpcClient => &GRPC_CLIENT,
            Kind::Call => &CALL,
        }
    }
}

/// The unit of durations.
pub(crate) const SECONDS: &str = "s";

/// Returns a family of durations.
const fn seconds(name: &'static str, help: &'static str) -> Family {
    let unit = SECONDS;
    Family { name, unit, help }
}

// Semantic conventions name the durations until the end and the HTTP requests in
// flight (https://opentelemetry.io/docs/specs/semconv/http/http-metrics/ and
// https://opentelemetry.io/docs/specs/semconv/rpc/rpc-metrics/). The other names
// are made after them.

// Semantic conventions name the durations until the end and the HTTP requests
// in flight (https://opentelemetry.io/docs/specs/semconv/http/http-metrics/ and
// https://opentelemetry.io/docs/specs/semconv/rpc/rpc-metrics/). The other
// names are modelled on them.
static HTTP_SERVER: Families = Families {
    durations: seconds(
        "http.server.request.duration",
        "How long HTTP requests took, from their arrival to the end of the response's body.",
    ),
    streams: seconds(
        "http.server.stream.duration",
        "How long streams of events lasted, from the HTTP request's arrival to their end.",
    ),
    heads: Some(seconds(
        "http.server.response.head.duration",
        "How long it took until there was a response to an HTTP request, without its body.",
    )),
    active: Family {
        name: "http.server.active_requests",
        unit: "{request}",
        help: "How many HTTP requests have arrived and not ended.",
    },
};

static HTTP_CLIENT: Families = Families {
    durations: seconds(
        "http.client.request.duration",
        "How long HTTP requests that were sent took, to the end of the response's body.",
    ),
    streams: seconds(
        "http.client.stream.duration",
        "How long streams of events lasted, from the sending of the HTTP request to their end.",
    ),
    heads: Some(seconds(
        "http.client.response.head.duration",
        "How long it took until a response to an HTTP request that was sent began.",
    )),
    active: Family {
        name: "http.client.active_requests",
        unit: "{request}",
        help: "How many HTTP requests were sent and have not ended.",
    },
};

static GRPC_SERVER: Families = Families {
    durations: seconds(
        "rpc.server.call.duration",
        "How long gRPC calls took, from their arrival to their status.",
    ),
    streams: seconds(
        "rpc.server.stream.duration",
        "How long gRPC calls lasted of which either side is a stream.",
    ),
    heads: Some(seconds(
        "rpc.server.response.head.duration",
        "How long it took until there was a response to a gRPC call, without its messages.",
    )),
    active: Family {
        name: "rpc.server.active_calls",
        unit: "{call}",
        help: "How many gRPC calls have arrived and not ended.",
    },
};

static GRPC_CLIENT: Families = Families {
    durations: seconds(
        "rpc.client.call.duration",
        "How long gRPC calls that were made took, to their status.",
    ),
    streams: seconds(
        "rpc.client.stream.duration",
        "How long gRPC calls that were made lasted of which either side is a stream.",
    ),
    heads: Some(seconds(
        "rpc.client.response.head.duration",
        "How long it took until a response to a gRPC call that was made began.",
    )),
    active: Family {
        name: "rpc.client.active_calls",
        unit: "{call}",
        help: "How many gRPC calls were made and have not ended.",
    },
};

static CALL: Families = Families {
    durations: seconds(
        "sluicegate.call.duration",
        "How long calls of other services took.",
    ),
    streams: seconds(
        "sluicegate.stream.duration",
        "How long calls of other services lasted that are streams.",
    ),
    heads: None,
    active: Family {
        name: "sluicegate.active_calls",
        unit: "{call}",
        help: "How many calls of other services have not ended.",
    },
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_families_have_one_name() {
        let families = Kind::ALL.map(Families::of);
        let names = families.iter().flat_map(|it| {
            let heads = it.heads.as_ref();
            [&it.durations, &it.streams, &it.active]
                .into_iter()
                .chain(heads)
        });
        let names: Vec<_> = names.map(|it| it.name).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }
}
