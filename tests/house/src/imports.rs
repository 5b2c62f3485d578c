//! The imports of a file: its `use` declarations, and paths in its code.

use crate::blank::closing;

/// A path as it is written, such as `super::rule::Rule`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Import {
    pub(crate) path: Vec<String>,
    /// The name in this module that a `use` gives to it; `None` in code.
    pub(crate) name: Option<String>,
    /// Whether others can name it by way of this module.
    pub(crate) is_public: bool,
    /// How many inline modules it stands in.
    pub(crate) depth: usize,
    /// The byte where it begins.
    pub(crate) at: usize,
}

/// All imports of a file, whose code has its literals and comments blanked.
pub(crate) fn imports(code: &str) -> Vec<Import> {
    let mut imports = Vec::new();
    let mut rest = code.to_owned();
    for (begin, end) in declarations(code) {
        let declaration = &code[begin..end];
        let Some((visibility, tree)) = declaration.split_once("use ") else {
            continue;
        };
        for (path, name) in leaves(tree.trim_end_matches(';')) {
            imports.push(Import {
                path,
                name: Some(name),
                is_public: visibility.starts_with("pub"),
                depth: depth(code, begin),
                at: begin,
            });
        }
        rest.replace_range(begin..end, &" ".repeat(end - begin));
    }
    imports.extend(paths(&rest));
    imports
}

/// The code without its `use` declarations.
pub(crate) fn body(code: &str) -> String {
    let mut body = code.to_owned();
    for (begin, end) in declarations(code) {
        body.replace_range(begin..end, &" ".repeat(end - begin));
    }
    body
}

/// Whether a word stands in the code.
pub(crate) fn has_word(code: &str, word: &str) -> bool {
    words(code).into_iter().any(|(_, found)| found == word)
}

/// Where each `use` declaration begins, with its visibility, and ends.
fn declarations(code: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (at, word) in words(code) {
        if word != "use" || !code[at + 3..].starts_with([' ', '\n']) {
            continue;
        }
        // `impl use<'a>` declares nothing, and neither does `use` within a path.
        let line = code[..at]
            .rfind(['\n', ';', '{', '}'])
            .map_or(0, |it| it + 1);
        let before = code[line..at].trim_start();
        let is_declaration = before.is_empty() || before.starts_with("pub");
        let Some(end) = code[at..].find(';') else {
            continue;
        };
        if is_declaration {
            found.push((at - before.len(), at + end + 1));
        }
    }
    found
}

/// The paths of a `use` tree, each with the name that it gets.
fn leaves(tree: &str) -> Vec<(Vec<String>, String)> {
    let tree = tree.trim();
    if let Some(open) = tree.find('{') {
        let before = segments(&tree[..open]);
        let inside = &tree[open + 1..closing(tree, open) - 1];
        let leaves = split(inside).into_iter().flat_map(leaves);
        let whole = leaves.map(|(path, name)| {
            let path: Vec<_> = before.iter().cloned().chain(path).collect();
            match before.last() {
                Some(last) if name == "self" => (path, last.clone()),
                _ => (path, name),
            }
        });
        return whole.collect();
    }
    let (path, alias) = match tree.split_once(" as ") {
        Some((path, alias)) => (path, Some(alias.trim().to_owned())),
        None => (tree, None),
    };
    let path = segments(path);
    match path.last().cloned() {
        Some(last) => vec![(path, alias.unwrap_or(last))],
        None => Vec::new(),
    }
}

/// Splits at the commas that stand in no braces.
fn split(list: &str) -> Vec<&str> {
    let (mut depth, mut begin, mut parts) = (0, 0, Vec::new());
    for (at, byte) in list.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            b',' if depth == 0 => {
                parts.push(&list[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&list[begin..]);
    parts.retain(|part| !part.trim().is_empty());
    parts
}

fn segments(path: &str) -> Vec<String> {
    let segments = path.split("::").map(str::trim);
    let segments = segments.filter(|segment| !segment.is_empty());
    segments.map(str::to_owned).collect()
}

/// The paths in code that begin with `crate`, `super` or `self`.
fn paths(code: &str) -> Vec<Import> {
    let mut found = Vec::new();
    for (at, word) in words(code) {
        let begins = matches!(word, "crate" | "super" | "self");
        // The rest of a path that began before, or the place of `pub(in ...)`.
        let before = code[..at].trim_end();
        if !begins || before.ends_with("::") || before.ends_with("(in") {
            continue;
        }
        let path = &code[at..];
        let is_path = |c: char| !(c.is_alphanumeric() || c == '_' || c == ':');
        let path = &path[..path.find(is_path).unwrap_or(path.len())];
        let path = segments(path.trim_end_matches(':'));
        if path.len() > 1 {
            found.push(Import {
                path,
                name: None,
                is_public: false,
                depth: depth(code, at),
                at,
            });
        }
    }
    found
}

/// How many inline modules there are around a place.
fn depth(code: &str, at: usize) -> usize {
    let words = words(&code[..at]).into_iter();
    let modules = words.filter(|(_, word)| *word == "mod");
    let around = modules.filter(|(begin, _)| {
        let Some(open) = code[*begin..].find(['{', ';']) else {
            return false;
        };
        let open = begin + open;
        code[open..].starts_with('{') && open < at && closing(code, open) > at
    });
    around.count()
}

/// The words of a text, and where they begin.
fn words(text: &str) -> Vec<(usize, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut found, mut from) = (Vec::new(), 0);
    while let Some(begin) = text[from..].find(is_word) {
        let begin = from + begin;
        let length = text[begin..].find(|c| !is_word(c));
        from = length.map_or(text.len(), |length| begin + length);
        found.push((begin, &text[begin..from]));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(code: &str) -> Vec<String> {
        let imports = imports(code).into_iter();
        let imports = imports.map(|it| match it.name {
            Some(name) => format!("{} as {name}", it.path.join("::")),
            None => it.path.join("::"),
        });
        imports.collect()
    }

    #[test]
    fn trees_are_unfolded() {
        let code = "use super::{a, b::{self, C as D}, e::*};";
        let expected = [
            "super::a as a",
            "super::b::self as b",
            "super::b::C as D",
            "super::e::* as *",
        ];
        assert_eq!(written(code), expected);
    }

    #[test]
    fn paths_in_code_are_found() {
        let code = "fn a(b: crate::c::D) -> impl E + use<'_> { super::f::<self::g::H>() }";
        assert_eq!(written(code), ["crate::c::D", "super::f", "self::g::H"]);
    }

    #[test]
    fn a_restricted_visibility_is_no_import() {
        assert_eq!(written("pub(in crate::a) fn b(self) {}"), [""; 0]);
    }

    #[test]
    fn a_declaration_knows_its_visibility_and_depth() {
        let found = imports("pub(crate) use a::B;\nmod c { use super::D; }\nmod e;");
        let told: Vec<_> = found.iter().map(|it| (it.is_public, it.depth)).collect();
        assert_eq!(told, [(true, 0), (false, 1)]);
    }
}
