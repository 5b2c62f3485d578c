//! All measurements, in the order of the rules.

use super::{in_process::in_process, redis};
use crate::{
    compare::candidates::candidates,
    results::{Measured, RuleCosts},
};

/// Measures all rules and those peers whose clock can be set; with the URL of a
/// server also in Redis.
///
/// # Errors
///
/// If the server does not answer.
pub(in super::super) fn measure(seed: u64, url: Option<&str>) -> Result<Measured, redis::Failure> {
    let server = url.map(redis::Server::connect).transpose()?;
    let mut rules = Vec::new();
    for candidate in candidates() {
        let Some(in_process) = in_process(candidate.id()) else {
            continue;
        };
        let in_redis = server.as_ref().map(|server| server.measure(candidate.id()));
        rules.push(RuleCosts {
            rule: candidate.id().to_owned(),
            in_process,
            in_redis: in_redis.transpose()?.flatten(),
        });
    }
    let agreement = server
        .as_ref()
        .map(|server| server.agreement(seed))
        .transpose()?;
    Ok(Measured {
        schema: Measured::SCHEMA,
        command: command(seed, url),
        rules,
        agreement,
    })
}

/// Returns the command that measures the same, without a password of the server.
fn command(seed: u64, url: Option<&str>) -> String {
    let redis = url.map_or("", |_| " --redis URL");
    format!("cargo run --release -p lab -- compare --seed {seed}{redis}")
}
