//! Blanks comments and literals, so that the code can be searched for words.

/// Replaces comments, literals and inline test modules by spaces. Line breaks
/// stay, and so does the length in bytes.
pub(crate) fn blank(text: &str) -> String {
    let mut code = without_literals(text);
    while let Some((begin, end)) = test_module(&code) {
        let spaces = spaces(&code[begin..end]);
        code.replace_range(begin..end, &spaces);
    }
    code
}

/// As many spaces as there are bytes, and the same line breaks.
fn spaces(text: &str) -> String {
    let spaces = text.bytes().map(|byte| match byte {
        b'\n' => '\n',
        _ => ' ',
    });
    spaces.collect()
}

fn without_literals(text: &str) -> String {
    let (mut code, mut rest, mut before) = (String::with_capacity(text.len()), text, ' ');
    while let Some(next) = rest.chars().next() {
        let skipped = skip(rest, before);
        if skipped > 0 {
            code.push_str(&spaces(&rest[..skipped]));
            rest = &rest[skipped..];
            before = ' ';
        } else {
            code.push(next);
            rest = &rest[next.len_utf8()..];
            before = next;
        }
    }
    code
}

/// The length of the comment or literal that a text begins with, or 0.
fn skip(text: &str, before: char) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return block_comment(text);
    }
    if text.starts_with('"') {
        return string(text);
    }
    if text.starts_with('\'') {
        return character(text);
    }
    let in_a_word = before.is_alphanumeric() || before == '_';
    if in_a_word { 0 } else { raw_string(text) }
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let step = if text[at..].starts_with("/*") {
            depth += 1;
            2
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            2
        } else {
            text[at..].chars().next().map_or(1, char::len_utf8)
        };
        at += step;
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// A character literal; 0 for a lifetime, which has no second quote.
fn character(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => text[3..].find('\'').map_or(0, |at| at + 4),
        Some((_, first)) if first != '\'' => match chars.next() {
            Some((at, '\'')) => at + 1,
            _ => 0,
        },
        _ => 0,
    }
}

fn raw_string(text: &str) -> usize {
    let after = text.strip_prefix(['b', 'c']).unwrap_or(text);
    let Some(after) = after.strip_prefix('r') else {
        return 0;
    };
    let hashes = after.len() - after.trim_start_matches('#').len();
    let Some(inside) = after[hashes..].strip_prefix('"') else {
        return 0;
    };
    let end = format!("\"{}", "#".repeat(hashes));
    let begin = text.len() - inside.len();
    match inside.find(&end) {
        Some(at) => begin + at + end.len(),
        None => text.len(),
    }
}

/// Where an inline module of tests begins and ends.
fn test_module(code: &str) -> Option<(usize, usize)> {
    let mut from = 0;
    loop {
        let begin = from + code[from..].find("#[cfg(")?;
        let end = begin + code[begin..].find(']')? + 1;
        from = end;
        let condition = &code[begin..end];
        if !condition.contains("(test") && !condition.contains("loom") {
            continue;
        }
        let item = code[end..].trim_start();
        let open = item.find(['{', ';'])?;
        if item.starts_with("mod ") && item[open..].starts_with('{') {
            let open = code.len() - item.len() + open;
            return Some((begin, closing(code, open)));
        }
    }
}

/// Just after the brace that closes the one at `open`.
pub(crate) fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn becomes(text: &str, code: &str) {
        assert_eq!(blank(text), code);
    }

    #[test]
    fn comments_are_blanked() {
        becomes("a // b\nc", "a     \nc");
        becomes("a /* b /* c */ d\n */ e", "a               \n    e");
    }

    #[test]
    fn literals_are_blanked() {
        becomes(r#"a("b\"c", d)"#, "a(      , d)");
        becomes(r##"a(r#"b"c"#, d)"##, "a(        , d)");
        becomes("a('b', '\\'', '\\u{1f}')", "a(   ,     ,         )");
    }

    #[test]
    fn lifetimes_and_names_stay() {
        becomes("fn a<'b>(c: &'b str)", "fn a<'b>(c: &'b str)");
        becomes("for x in y", "for x in y");
    }

    #[test]
    fn an_inline_module_of_tests_is_blanked() {
        becomes(
            "a\n#[cfg(test)]\nmod b { c { d } }\ne",
            "a\n            \n                 \ne",
        );
    }

    #[test]
    fn other_modules_stay() {
        let text = "#[cfg(test)]\nmod tests;\n#[cfg(unix)]\nmod b { c }";
        becomes(text, text);
    }
}
