//! Writes results to a folder or to standard output.

use std::{
    error::Error,
    fs,
    io::{self, ErrorKind, Write},
    path::Path,
};

use serde::Serialize;

use super::error::ReplayError;

/// Prints results as `text`, or as JSON if `is_json`. With a folder, writes the
/// JSON into a file of this name in it, too.
///
/// # Errors
///
/// If they cannot be written.
pub(crate) fn results<T: Serialize>(
    results: &T,
    text: fn(&T) -> String,
    is_json: bool,
    (folder, name): (Option<&Path>, &str),
) -> Result<(), Box<dyn Error>> {
    let json = serde_json::to_string(results)? + "\n";
    if let Some(folder) = folder {
        file(folder, name, &json)?;
    }
    stdout(if is_json { json } else { text(results) })?;
    Ok(())
}

/// Writes a file in a folder, which is made if it is missing.
///
/// # Errors
///
/// If the folder cannot be made, or the file cannot be written.
pub(crate) fn file(folder: &Path, name: &str, contents: &str) -> Result<(), ReplayError> {
    let path = folder.join(name);
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, contents));
    written.map_err(|error| ReplayError::Write(path, error))
}

/// Prints to standard output. A reader that has closed it, such as `head`, has
/// enough.
///
/// # Errors
///
/// If it cannot be written for any other reason.
fn stdout(text: String) -> Result<(), ReplayError> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| ReplayError::Write("standard output".into(), error)),
    }
}
