//! The command `lab compare`, as its users run it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{self, Command, Output},
};

use lab::results::{Measured, Results};

#[path = "../../../tests/redis/server.rs"]
#[allow(dead_code, reason = "the tests of the crate use more of it")]
mod server;

use server::Server;

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        Self(env::temp_dir().join(format!("lab-{}-{name}", process::id())))
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.0.join(file)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.0);
    }
}

fn compare(folder: &Path, flags: &[&str]) -> Output {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    lab.args(["compare", "--quick", "--out"]).arg(folder);
    let output = lab.args(flags).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    output
}

/// Two seeds, two runs each.
#[test]
fn without_measurements_all_files_follow_from_the_seed() {
    let run = |name: &str, seed: &str| {
        let folder = Folder::new(name);
        compare(&folder.0, &["--seed", seed, "--no-measure"]);
        assert!(!folder.0.join("measured.json").exists());
        let mut files: Vec<_> = fs::read_dir(&folder.0)
            .unwrap()
            .map(|file| file.unwrap().path())
            .collect();
        files.sort();
        let texts = files.iter().map(|path| fs::read_to_string(path).unwrap());
        let results = folder.read("results.json");
        (
            texts.collect::<Vec<_>>(),
            results,
            folder.read("report.html"),
        )
    };
    let (one, two) = (run("1a", "1"), run("2a", "2"));
    assert_eq!(run("1b", "1"), one);
    assert_eq!(run("2b", "2"), two);
    assert_ne!(one.1, two.1);
    assert_ne!(one.2, two.2);
}

#[test]
fn what_is_measured_is_in_a_file_of_its_own_and_scripts_agree_with_rules() {
    let (server, folder) = (Server::start(), Folder::new("measured"));
    let output = compare(&folder.0, &["--redis", server.url().as_str()]);
    let results: Results = serde_json::from_str(&folder.read("results.json")).unwrap();
    let measured: Measured = serde_json::from_str(&folder.read("measured.json")).unwrap();
    let agreement = measured.agreement.unwrap();
    assert!(agreement.decisions > 1_000, "{agreement:?}");
    assert_eq!(agreement.different, 0);
    let in_redis = measured.rules.iter().filter(|rule| rule.in_redis.is_some());
    assert_eq!(in_redis.count(), 6);
    for costs in &measured.rules {
        assert!(results.rules.iter().any(|rule| rule.id == costs.rule));
        assert!(costs.in_process.ns_per_decision > 0.0);
        assert!(costs.in_process.bytes_per_key > 0.0);
    }
    let left: Vec<String> = redis::cmd("KEYS")
        .arg("*lab*")
        .query(&mut server.client())
        .unwrap();
    assert!(left.is_empty(), "left in the server: {left:?}");
    let table = String::from_utf8(output.stdout).unwrap();
    for rule in &results.rules {
        assert!(table.contains(&rule.title), "{}", rule.title);
    }
}

#[test]
fn an_error_names_the_server_that_does_not_answer() {
    let folder = Folder::new("refused");
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    lab.args([
        "compare",
        "--quick",
        "--redis",
        "redis://127.0.0.1:1/",
        "--out",
    ]);
    let output = lab.arg(&folder.0).output().unwrap();
    assert!(!output.status.success());
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("127.0.0.1:1"), "{errors}");
}
