//! `google.rpc.RetryInfo`, a detail of a gRPC status.

use std::time::Duration;

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use http::HeaderMap;
use prost::Message;

use super::number::MAX_DELAY;
use crate::google_rpc::{Delay, RETRY_INFO, RetryInfo, Status};

/// The field with an encoded `google.rpc.Status`.
const DETAILS: &str = "grpc-status-details-bin";

/// The most bytes of details that are decoded.
const MAX_DETAILS_BYTES: usize = 16 * 1024;

/// Binary metadata may or may not be padded (gRPC over HTTP/2).
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Reads the delay of a `google.rpc.RetryInfo` in `grpc-status-details-bin`;
/// `None` if there is none that can be read. Needs the feature `grpc`.
///
/// A negative delay is ignored.
pub fn retry_info(fields: &HeaderMap) -> Option<Duration> {
    let value = fields.get(DETAILS)?.as_bytes().trim_ascii();
    let value = (value.len() <= MAX_DETAILS_BYTES).then_some(value)?;
    let status = Status::decode(&*BASE64.decode(value).ok()?).ok()?;
    let infos = status.details.iter().filter(|it| it.type_url == RETRY_INFO);
    let delays = infos.filter_map(|info| {
        let info = RetryInfo::decode(&*info.value).ok()?;
        duration(info.retry_delay?)
    });
    delays.max()
}

fn duration(delay: Delay) -> Option<Duration> {
    let seconds = u64::try_from(delay.seconds.unwrap_or(0)).ok()?;
    let nanos = u32::try_from(delay.nanos.unwrap_or(0)).ok()?;
    let nanos = (nanos < 1_000_000_000).then_some(nanos)?;
    let longest = MAX_DELAY.as_secs();
    Some(Duration::new(seconds.min(longest), nanos).min(MAX_DELAY))
}
