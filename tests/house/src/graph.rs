//! Which file imports which, where a name stands for the file that defines it.

use std::collections::{BTreeMap, HashMap};

use crate::{
    imports::{Import, body, has_word, imports},
    source::Source,
};

/// The module of a file.
type Module = Vec<String>;

/// An import of one file by another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edge {
    /// The line of the first import.
    pub(crate) line: usize,
    /// The last segments of the imported paths.
    pub(crate) names: Vec<String>,
}

/// The files by their index, and what each of them imports.
#[derive(Debug)]
pub(crate) struct Graph {
    pub(crate) edges: Vec<BTreeMap<usize, Edge>>,
}

impl Graph {
    pub(crate) fn new(sources: &[Source]) -> Self {
        let crate_ = Crate::new(sources);
        let edges = (0..sources.len()).map(|file| crate_.edges(file)).collect();
        Self { edges }
    }
}

struct Crate<'a> {
    sources: &'a [Source],
    files: HashMap<Module, usize>,
    imports: Vec<Vec<Import>>,
}

impl<'a> Crate<'a> {
    fn new(sources: &'a [Source]) -> Self {
        let modules = sources.iter().map(|source| source.module.clone());
        Self {
            sources,
            files: modules.zip(0..).collect(),
            imports: sources.iter().map(|it| imports(&it.code)).collect(),
        }
    }

    fn edges(&self, file: usize) -> BTreeMap<usize, Edge> {
        let mut edges: BTreeMap<usize, Edge> = BTreeMap::new();
        for import in &self.imports[file] {
            let target = self.absolute(file, import);
            let Some(to) = target.and_then(|path| self.defines(path, 0)) else {
                continue;
            };
            if to == file {
                continue;
            }
            let edge = edges.entry(to).or_insert_with(|| Edge {
                line: self.sources[file].line(import.at),
                names: Vec::new(),
            });
            let name = last(&import.path);
            if !edge.names.contains(&name) {
                edge.names.push(name);
            }
        }
        edges.retain(|to, edge| !self.only_passes_on(file, *to, edge));
        edges
    }

    /// Whether a module imports a child for nothing but to re-export it.
    fn only_passes_on(&self, file: usize, to: usize, edge: &Edge) -> bool {
        let is_child = self.sources[to]
            .module
            .starts_with(&self.sources[file].module);
        let code = body(&self.sources[file].code);
        let passed_on = |name: &String| {
            let mut imports = self.imports[file].iter();
            imports.any(|it| it.is_public && last(&it.path) == *name) && !has_word(&code, name)
        };
        is_child && edge.names.iter().all(passed_on)
    }

    /// An import as a path from the root of the crate on; `None` if it is of another
    /// crate.
    fn absolute(&self, file: usize, import: &Import) -> Option<Vec<String>> {
        let here = &self.sources[file].module;
        let mut path = &import.path[..];
        let up = path.iter().take_while(|it| *it == "super").count();
        let base = match path.first()?.as_str() {
            "crate" => {
                path = &path[1..];
                &[]
            }
            "self" => {
                path = &path[1..];
                &here[..]
            }
            "super" => {
                path = &path[up..];
                let up = up.saturating_sub(import.depth);
                &here[..here.len().checked_sub(up)?]
            }
            child => {
                let module = [&here[..], &[child.to_owned()]].concat();
                self.files.get(&module)?;
                &here[..]
            }
        };
        let mut path = [base, path].concat();
        path.pop_if(|last| last == "self" || last == "*");
        Some(path)
    }

    /// The file that defines what an absolute path names, by way of re-exports.
    fn defines(&self, path: Vec<String>, hops: usize) -> Option<usize> {
        // Re-exports that lead to themselves are an error of the compiler's.
        if hops > 8 {
            return None;
        }
        let lengths = (0..=path.len()).rev();
        let (file, length) = lengths
            .into_iter()
            .find_map(|length| Some((*self.files.get(&path[..length])?, length)))?;
        let Some(name) = path.get(length) else {
            return Some(file);
        };
        let mut imports = self.imports[file].iter();
        let re_export = imports.find(|it| it.is_public && it.name.as_ref() == Some(name));
        let behind = re_export.and_then(|it| self.absolute(file, it));
        let behind = behind.and_then(|path| self.defines(path, hops + 1));
        behind.or(Some(file))
    }
}

fn last(path: &[String]) -> String {
    path.last().cloned().unwrap_or_default()
}
