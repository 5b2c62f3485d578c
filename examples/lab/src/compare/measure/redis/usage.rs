//! The figures that the server tells of itself.

use redis::{Connection, RedisResult, cmd};

/// The work of the server since its start.
pub(super) struct Usage {
    /// The scripts that it ran.
    pub(super) commands: f64,
    /// The CPU of its main thread.
    pub(super) cpu_seconds: f64,
}

/// Returns the work of the server until now.
pub(super) fn usage(server: &mut Connection) -> RedisResult<Usage> {
    let cpu: String = cmd("INFO").arg("cpu").query(server)?;
    let commands: String = cmd("INFO").arg("commandstats").query(server)?;
    let calls = ["cmdstat_evalsha:calls=", "cmdstat_eval:calls="];
    let cpus = ["used_cpu_user_main_thread:", "used_cpu_sys_main_thread:"];
    Ok(Usage {
        commands: calls.iter().map(|name| number(&commands, name)).sum(),
        cpu_seconds: cpus.iter().map(|name| number(&cpu, name)).sum(),
    })
}

/// Returns the number after a name at the beginning of a line; 0 if there is none.
fn number(info: &str, name: &str) -> f64 {
    let line = info.lines().find_map(|line| line.strip_prefix(name));
    let text = line.unwrap_or_default();
    let end = text.find(|c: char| c != '.' && !c.is_ascii_digit());
    text[..end.unwrap_or(text.len())].parse().unwrap_or(0.0)
}

/// Returns the mean memory of the buckets of a limiter, with their names.
pub(super) fn bytes_per_key(server: &mut Connection, limiter: &str) -> RedisResult<f64> {
    let keys = keys(server, limiter)?;
    let mut bytes = 0;
    for key in &keys {
        let usage: Option<u64> = cmd("MEMORY").arg("USAGE").arg(key).query(server)?;
        bytes += usage.unwrap_or(0);
    }
    Ok(bytes as f64 / keys.len().max(1) as f64)
}

/// Removes the buckets of a limiter.
pub(super) fn forget(server: &mut Connection, limiter: &str) -> RedisResult<()> {
    for key in keys(server, limiter)? {
        cmd("UNLINK").arg(key).exec(server)?;
    }
    Ok(())
}

fn keys(server: &mut Connection, limiter: &str) -> RedisResult<Vec<String>> {
    let pattern = format!("sluicegate:{{{limiter}:*");
    let mut scan = cmd("SCAN");
    scan.cursor_arg(0)
        .arg("MATCH")
        .arg(pattern)
        .arg("COUNT")
        .arg(1_000);
    scan.iter(server)?.collect()
}
