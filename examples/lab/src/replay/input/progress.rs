//! Shows how much of the files is read, and how long the rest will take.

use std::{
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

/// A progress bar on standard error. It hides where that is not a terminal.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar over the sizes of these files, as they are on the disk. With
    /// standard input among them the end is unknown.
    pub(crate) fn over(paths: &[PathBuf]) -> Self {
        let sizes: Option<u64> = paths.iter().map(|path| size(path)).sum();
        let (bar, template) = match sizes {
            Some(total) => (
                ProgressBar::new(total),
                "{bar:30} {percent:>3} %  {bytes} of {total_bytes}  {binary_bytes_per_sec}  {eta} left",
            ),
            None => (
                ProgressBar::no_length(),
                "{spinner} {bytes}  {binary_bytes_per_sec}  {elapsed}",
            ),
        };
        bar.set_style(ProgressStyle::with_template(template).expect("the template is valid"));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar }
    }

    /// A bar over so many steps of a search.
    pub(crate) fn of_steps(total: usize) -> Self {
        let bar = ProgressBar::new(total as u64);
        let template = "{bar:30} {percent:>3} %  {pos} of {len} searches  {eta} left";
        bar.set_style(ProgressStyle::with_template(template).expect("the template is valid"));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar }
    }

    /// A bar that is not shown, for tests.
    #[cfg(test)]
    pub(crate) fn hidden() -> Self {
        Self {
            bar: ProgressBar::hidden(),
        }
    }

    /// Counts what is read from this input.
    pub(super) fn wrap(&self, input: Box<dyn Read>) -> Box<dyn Read> {
        Box::new(self.bar.wrap_read(input))
    }

    /// Counts a step.
    pub(crate) fn step(&self) {
        self.bar.inc(1);
    }

    /// Removes the bar.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Returns the size of a file; `None` if it is not a regular one.
fn size(path: &Path) -> Option<u64> {
    let metadata = path.metadata().ok()?;
    metadata.is_file().then_some(metadata.len())
}
