//! Which of OpenTelemetry's names are used, where they have changed.

/// Which version of OpenTelemetry's semantic conventions names the attributes; for
/// [`Builder::conventions`](crate::red::Builder::conventions).
///
/// All that is exported has the same names: OpenTelemetry's instruments, and with
/// underscores the labels of Prometheus and of the `metrics` facade.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Conventions {
    /// Up to 1.44: the status of gRPC is `rpc.response.status_code`.
    #[default]
    V1_44,
    /// From 1.45 on, in which those for RPC became stable: it is `rpc.status_code`
    /// (<https://github.com/open-telemetry/semantic-conventions/pull/3921>).
    V1_45,
}

impl Conventions {
    pub(crate) fn rpc_status_code(self) -> &'static str {
        match self {
            Self::V1_44 => "rpc.response.status_code",
            Self::V1_45 => "rpc.status_code",
        }
    }
}
