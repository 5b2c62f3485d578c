//! The report names the versions that are asked for.

use std::{fs, path::Path};

use lab::compare::candidates::candidates;

#[test]
fn the_report_names_the_versions_of_the_peers() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let manifest = fs::read_to_string(manifest).unwrap();
    for candidate in candidates() {
        let library = candidate.rule().library;
        let (name, version) = library.split_once(' ').unwrap();
        if name == "sluicegate" {
            continue;
        }
        let line = manifest
            .lines()
            .find(|line| line.starts_with(&format!("{name} =")));
        let line = line.unwrap_or_else(|| panic!("{name} is not a dependency"));
        assert!(line.contains(&format!("\"{version}")), "{library}: {line}");
    }
}
