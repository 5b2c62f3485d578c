//! Prometheus' own tool.

use std::{
    io::Write,
    path::Path,
    process::{Child, Command, Stdio},
};

use http::HeaderMap;
use sluicegate::red::Registry;

/// By a parser that is not ours: without a complaint, be it a warning.
#[track_caller]
pub(super) fn check(metrics: &Registry) {
    let text = metrics.prometheus_for(&HeaderMap::new()).1;
    let mut promtool = promtool(&["check", "metrics"]);
    let mut stdin = promtool.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    let said = told(promtool).unwrap_or_else(|said| panic!("{said}\n{text}"));
    assert!(said.is_empty(), "{said}\n{text}");
}

/// Returns its output; an error if it fails.
pub(super) fn told(promtool: Child) -> Result<String, String> {
    let output = promtool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    if output.status.success() {
        Ok(said)
    } else {
        Err(said)
    }
}

/// Where `scripts/test` puts it, or else on the `PATH`.
pub(super) fn promtool(args: &[&str]) -> Child {
    let ours = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../target/promtool/usr/bin/promtool"
    );
    let found = Path::new(ours).exists();
    Command::new(if found { ours } else { "promtool" })
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("promtool does not run ({error}): run `scripts/test`, which gets it, or `brew install prometheus`")
        })
}
