//! Circles: files that import each other, directly or by way of others. To
//! understand one of them a reader has to know all, so large ones are refused.

use std::{
    collections::BTreeMap,
    fmt::{self, Display},
    path::PathBuf,
};

use crate::{
    graph::{Edge, Graph},
    source::Source,
};

/// A set of files each of which reaches all others by imports.
#[derive(Debug)]
pub(crate) struct Circle {
    files: Vec<PathBuf>,
    /// Importing file, line, imported names, imported file.
    imports: Vec<(PathBuf, Edge, PathBuf)>,
}

/// The circles of more than so many files, the largest first.
pub(crate) fn find(sources: &[Source], allowed: usize) -> Vec<Circle> {
    let sources: Vec<_> = sources.iter().filter(|it| !it.is_test()).cloned().collect();
    let graph = Graph::new(&sources);
    let mut components = Search::over(&graph.edges);
    components.retain(|component| component.len() > allowed);
    components.sort_by_key(|component| std::cmp::Reverse(component.len()));
    let circles = components.into_iter();
    circles
        .map(|component| Circle::new(&sources, &graph, component))
        .collect()
}

impl Circle {
    fn new(sources: &[Source], graph: &Graph, mut files: Vec<usize>) -> Self {
        files.sort_unstable();
        let path = |file: &usize| sources[*file].path.clone();
        let within = files.iter().flat_map(|from| {
            let edges = graph.edges[*from].iter();
            let edges = edges.filter(|(to, _)| files.contains(to));
            edges.map(move |(to, edge)| (path(from), edge.clone(), path(to)))
        });
        Self {
            imports: within.collect(),
            files: files.iter().map(path).collect(),
        }
    }
}

impl Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "a circle of {} files, by these imports:",
            self.files.len()
        )?;
        for (from, edge, to) in &self.imports {
            let (from, line, to) = (from.display(), edge.line, to.display());
            writeln!(
                f,
                "  {from}:{line}: imports {to} ({})",
                edge.names.join(", ")
            )?;
        }
        f.write_str(
            "  to do: move what several of them need into a file below them all, or hand \
             over a value or a closure instead of the owner\n",
        )
    }
}

/// Tarjan's search for strongly connected components.
struct Search<'a> {
    edges: &'a [BTreeMap<usize, Edge>],
    /// When a file was first seen.
    seen: Vec<Option<usize>>,
    /// The first file in `open` that a file reaches.
    low: Vec<usize>,
    open: Vec<usize>,
    count: usize,
    components: Vec<Vec<usize>>,
}

impl<'a> Search<'a> {
    fn over(edges: &'a [BTreeMap<usize, Edge>]) -> Vec<Vec<usize>> {
        let mut search = Self {
            edges,
            seen: vec![None; edges.len()],
            low: vec![0; edges.len()],
            open: Vec::new(),
            count: 0,
            components: Vec::new(),
        };
        for file in 0..edges.len() {
            if search.seen[file].is_none() {
                search.visit(file);
            }
        }
        search.components
    }

    fn visit(&mut self, file: usize) {
        let nth = self.count;
        self.count += 1;
        self.seen[file] = Some(nth);
        self.low[file] = nth;
        self.open.push(file);
        for to in self.edges[file].keys() {
            match self.seen[*to] {
                None => {
                    self.visit(*to);
                    self.low[file] = self.low[file].min(self.low[*to]);
                }
                Some(seen) if self.open.contains(to) => self.low[file] = self.low[file].min(seen),
                Some(_) => {}
            }
        }
        if self.low[file] == nth {
            let begin = self.open.iter().position(|it| *it == file);
            let component = self.open.split_off(begin.unwrap_or_default());
            self.components.push(component);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// The files of each circle of two files or more.
    fn circles(files: &[(&str, &str)]) -> Vec<Vec<String>> {
        let root = Path::new("src");
        let source =
            |(path, text): &(&str, &str)| Source::new(root, root.join(path), (*text).into());
        let sources: Vec<_> = files.iter().map(source).collect();
        let circles = find(&sources, 1).into_iter();
        let name = |path: PathBuf| path.strip_prefix(root).map(|it| it.display().to_string());
        circles
            .map(|it| it.files.into_iter().flat_map(name).collect())
            .collect()
    }

    #[test]
    fn files_that_import_each_other_are_a_circle() {
        let files = [
            ("a.rs", "use crate::b::B;"),
            ("b.rs", "fn b(c: super::c::C) {}"),
            ("c.rs", "use super::{a::A, d::D};"),
            ("d.rs", "use std::fmt;"),
            ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ];
        assert_eq!(circles(&files), [["a.rs", "b.rs", "c.rs"]]);
    }

    #[test]
    fn a_re_export_stands_for_the_file_behind_it() {
        let files = [
            ("a/mod.rs", "mod b; mod c; pub use self::{b::B, c::C};"),
            ("a/b.rs", "use super::C;"),
            ("a/c.rs", "use crate::a::B as Other;"),
        ];
        assert_eq!(circles(&files), [["a/b.rs", "a/c.rs"]]);
    }

    #[test]
    fn a_module_that_only_re_exports_is_in_no_circle() {
        let files = [
            ("a/mod.rs", "mod b; mod c; pub use self::{b::B, c::C};"),
            ("a/b.rs", "use super::C;"),
            ("a/c.rs", ""),
        ];
        assert_eq!(circles(&files), [[""; 0]; 0]);
    }

    #[test]
    fn a_module_with_code_of_its_own_may_be_in_one() {
        let files = [
            ("a/mod.rs", "mod b; pub use self::b::B; pub struct A(B);"),
            ("a/b.rs", "use super::A;"),
        ];
        assert_eq!(circles(&files), [["a/mod.rs", "a/b.rs"]]);
    }

    #[test]
    fn tests_comments_and_other_crates_do_not_count() {
        let files = [
            (
                "a.rs",
                "use crate::b::B;\n#[cfg(test)]\nmod tests { use super::*; }",
            ),
            (
                "b.rs",
                "// See crate::a::A.\nuse a::A;\nfn c() { \"crate::a::A\"; }",
            ),
            ("b/tests.rs", "use crate::a::A; use super::B;"),
        ];
        assert_eq!(circles(&files), [[""; 0]; 0]);
    }

    #[test]
    fn a_circle_tells_where_it_is_made_and_what_to_do() {
        let root = Path::new("src");
        let source = |path, text: &str| Source::new(root, root.join(path), text.into());
        let sources = [
            source("a.rs", "//! A.\nuse crate::b::B;"),
            source("b.rs", "use crate::a::{A, Other};"),
        ];
        let told = find(&sources, 1)[0].to_string();
        assert!(told.contains("src/a.rs:2: imports src/b.rs (B)"), "{told}");
        assert!(
            told.contains("src/b.rs:1: imports src/a.rs (A, Other)"),
            "{told}"
        );
        assert!(told.contains("to do: "), "{told}");
    }
}
