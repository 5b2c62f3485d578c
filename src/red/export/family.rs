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

/// Declares the metrics of a kind: names and help texts of durations, streams
/// and heads, and name, unit and help text of the requests in flight.
macro_rules! families {
    (
        $KIND:ident:
        $durations:literal, $durations_help:literal;
        $streams:literal, $streams_help:literal;
        $($heads:literal, $heads_help:literal;)?
        active $active:literal, $unit:literal, $active_help:literal;
    ) => {
        static $KIND: Families = Families {
            durations: seconds($durations, $durations_help),
            streams: seconds($streams, $streams_help),
            heads: families!(@optional $(seconds($heads, $heads_help))?),
            active: Family {
                name: $active,
                unit: $unit,
                help: $active_help,
            },
        };
    };
    (@optional) => { None };
    (@optional $heads:expr) => { Some($heads) };
}

// Semantic conventions name the durations until the end and the HTTP requests
// in flight (https://opentelemetry.io/docs/specs/semconv/http/http-metrics/ and
// https://opentelemetry.io/docs/specs/semconv/rpc/rpc-metrics/). The other
// names are modelled on them.

families! { HTTP_SERVER:
    "http.server.request.duration",
    "How long HTTP requests took, from their arrival to the end of the response's body.";
    "http.server.stream.duration",
    "How long streams of events lasted, from the HTTP request's arrival to their end.";
    "http.server.response.head.duration",
    "How long it took until there was a response to an HTTP request, without its body.";
    active "http.server.active_requests", "{request}",
    "How many HTTP requests have arrived and not ended.";
}

families! { HTTP_CLIENT:
    "http.client.request.duration",
    "How long HTTP requests that were sent took, to the end of the response's body.";
    "http.client.stream.duration",
    "How long streams of events lasted, from the sending of the HTTP request to their end.";
    "http.client.response.head.duration",
    "How long it took until a response to an HTTP request that was sent began.";
    active "http.client.active_requests", "{request}",
    "How many HTTP requests were sent and have not ended.";
}

families! { GRPC_SERVER:
    "rpc.server.call.duration",
    "How long gRPC calls took, from their arrival to their status.";
    "rpc.server.stream.duration",
    "How long gRPC calls lasted in which either side streams.";
    "rpc.server.response.head.duration",
    "How long it took until there was a response to a gRPC call, without its messages.";
    active "rpc.server.active_calls", "{call}",
    "How many gRPC calls have arrived and not ended.";
}

families! { GRPC_CLIENT:
    "rpc.client.call.duration",
    "How long gRPC calls that were made took, to their status.";
    "rpc.client.stream.duration",
    "How long gRPC calls that were made lasted in which either side streams.";
    "rpc.client.response.head.duration",
    "How long it took until a response to a gRPC call that was made began.";
    active "rpc.client.active_calls", "{call}",
    "How many gRPC calls were made and have not ended.";
}

families! { CALL:
    "sluicegate.call.duration",
    "How long calls of other services took.";
    "sluicegate.stream.duration",
    "How long streaming calls of other services lasted.";
    active "sluicegate.active_calls", "{call}",
    "How many calls of other services have not ended.";
}

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
