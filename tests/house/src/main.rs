//! Checks the source tree for faults that rustc and clippy do not see: import
//! circles and prose that is hard to read. `scripts/check-circles` and
//! `scripts/check-prose` call it from the root of the repository.

use std::{env, io, path::Path, process::ExitCode};

mod blank;
mod circles;
mod graph;
mod imports;
mod prose;
mod source;

use self::source::Source;

/// A circle may have this many files.
const MAX_CIRCLE: usize = 3;

/// This many odd turns are allowed in 10,000 words of docs and comments.
const MAX_ODD_PER_10_000: usize = 5;

fn main() -> ExitCode {
    let passed = match env::args().nth(1).as_deref() {
        Some("circles") => check_circles(),
        Some("prose") => check_prose(),
        _ => {
            eprintln!("usage: house circles | house prose");
            return ExitCode::from(2);
        }
    };
    match passed {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("house: cannot read the sources: {error}; run it in the root");
            ExitCode::from(2)
        }
    }
}

fn check_circles() -> io::Result<bool> {
    let sources = Source::all(Path::new("src"), &["rs"])?;
    let circles = circles::find(&sources, MAX_CIRCLE);
    for circle in &circles {
        println!("{circle}");
    }
    match circles.len() {
        0 => println!("check-circles: no circle of more than {MAX_CIRCLE} files"),
        found => println!("check-circles: {found} circles of more than {MAX_CIRCLE} files"),
    }
    Ok(circles.is_empty())
}

fn check_prose() -> io::Result<bool> {
    let mut sources = Source::all(Path::new("src"), &["rs"])?;
    sources.extend(Source::all(Path::new("lua"), &["lua"])?);
    let (mut words, mut found) = (0, 0);
    for source in &sources {
        for paragraph in prose::paragraphs(&source.text) {
            words += paragraph.words();
            for odd in paragraph.odd_turns() {
                found += 1;
                println!("{}:{}: {odd}", source.path.display(), odd.line);
            }
        }
    }
    let allowed = words * MAX_ODD_PER_10_000 / 10_000;
    println!("check-prose: {found} odd turns in {words} words, {allowed} are allowed");
    Ok(found <= allowed)
}
