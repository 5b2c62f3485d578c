//! All measurements, in the order of the rules.

use std::error::Error;

use super::{in_process::in_process, redis};
use crate::{
    compare::{candidates::candidates, grid::command, traffic::Scale},
    results::{Measured, RuleCosts},
};

/// Measures all rules and those peers whose clock can be set; with the URL of a
/// server also in Redis.
///
/// # Errors
///
/// If the server does not answer.
pub fn measure(seed: u64, scale: Scale, url: Option<&str>) -> Result<Measured, Box<dyn Error>> {
    let server = url.map(redis::Server::connect).transpose()?;
    let mut rules = Vec::new();
    for candidate in candidates() {
        let Some(in_process) = in_process(candidate.id(), scale) else {
            continue;
        };
        let in_redis = server
            .as_ref()
            .map(|server| server.measure(candidate.id(), scale));
        rules.push(RuleCosts {
            rule: candidate.id().to_owned(),
            in_process,
            in_redis: in_redis.transpose()?.flatten(),
        });
    }
    let agreement = server
        .as_ref()
        .map(|server| server.agreement(seed, scale))
        .transpose()?;
    Ok(Measured {
        schema: Measured::SCHEMA,
        command: format!("{}{}", command(seed, scale), redis_flag(url)),
        rules,
        agreement,
    })
}

/// Returns the flag without the address, which may hold a password.
fn redis_flag(url: Option<&str>) -> &'static str {
    url.map_or("", |_| " --redis URL")
}
