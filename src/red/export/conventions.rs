//! The attribute names that changed between versions of OpenTelemetry's
//! semantic conventions.

/// A version of OpenTelemetry's semantic conventions, which names the
/// attributes; for [`Builder::conventions`](crate::red::Builder::conventions).
///
/// All exporters use the same names: OpenTelemetry's instruments have them with
/// dots, Prometheus and the `metrics` facade with underscores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Conventions {
    /// Up to 1.44: the status of gRPC is `rpc.response.status_code`.
    #[default]
    V1_44,
    /// From 1.45 on, where the conventions for RPC are stable: it is
    /// `rpc.status_code`
    /// (<https://github.com/open-telemetry/semantic-conventions/pull/3921>).
    V1_45,
}

impl Conventions {
    /// Returns the name of the attribute for the status of gRPC.
    pub(crate) fn rpc_status_code(self) -> &'static str {
        match self {
            Self::V1_44 => "rpc.response.status_code",
            Self::V1_45 => "rpc.status_code",
        }
    }
}
