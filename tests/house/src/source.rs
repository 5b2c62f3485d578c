//! The files that are checked.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::blank::blank;

/// A source file, without unit tests in files of their own.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    /// The names of the module from the root of the crate on, which has none.
    pub(crate) module: Vec<String>,
    pub(crate) text: String,
    /// The text with comments, literals and inline test modules blanked. Each
    /// byte stays where it is in `text`.
    pub(crate) code: String,
}

impl Source {
    pub(crate) fn new(root: &Path, path: PathBuf, text: String) -> Self {
        let module = module(path.strip_prefix(root).unwrap_or(&path));
        Self {
            module,
            code: blank(&text),
            path,
            text,
        }
    }

    /// All files in a folder with one of these extensions, in order of their paths.
    pub(crate) fn all(root: &Path, extensions: &[&str]) -> io::Result<Vec<Self>> {
        let mut paths = Vec::new();
        walk(root, &mut paths)?;
        paths.retain(|path| {
            let extension = path.extension().and_then(|it| it.to_str());
            extension.is_some_and(|it| extensions.contains(&it))
        });
        paths.sort();
        let read = |path: PathBuf| Ok(Self::new(root, path.clone(), fs::read_to_string(path)?));
        paths.into_iter().map(read).collect()
    }

    /// Whether it holds unit tests or models, which may import anything.
    pub(crate) fn is_test(&self) -> bool {
        let is_test = |name: &String| name == "tests" || name == "loom";
        self.module.iter().any(is_test)
    }

    /// The line of a byte of the text, counted from 1.
    pub(crate) fn line(&self, at: usize) -> usize {
        1 + self.text[..at].matches('\n').count()
    }
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}

fn module(path: &Path) -> Vec<String> {
    let path = path.with_extension("");
    let names = path.iter().map(|name| name.to_string_lossy().into_owned());
    let mut names: Vec<_> = names.collect();
    if names
        .last()
        .is_some_and(|last| last == "mod" || last == "lib")
    {
        names.pop();
    }
    names
}
