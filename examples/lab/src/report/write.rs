//! The files of the report.

use std::{fs, io, path::Path};

use super::{page::page, pictures::pictures};
use crate::results::{Measured, Results};

/// Writes `report.html` and the plots into a folder, which must exist.
///
/// # Errors
///
/// If a file cannot be written.
///
/// # Panics
///
/// If `results` is incomplete, as [`page`] says.
pub fn write(folder: &Path, results: &Results, measured: Option<&Measured>) -> io::Result<()> {
    fs::write(folder.join("report.html"), page(results, measured))?;
    pictures(results)
        .iter()
        .try_for_each(|picture| fs::write(folder.join(&picture.name), &picture.svg))
}
