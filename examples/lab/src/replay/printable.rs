//! Text of others, safe to print on a terminal.

/// Returns the first `max` characters of a text. Those that would move the cursor
/// or turn the direction of writing are escaped.
pub(crate) fn printable(text: &str, max: usize) -> String {
    let mut shown = String::new();
    for letter in text.chars().take(max) {
        match letter {
            '"' | '\'' | '\\' => shown.push(letter),
            _ => shown.extend(letter.escape_debug()),
        }
    }
    if text.chars().nth(max).is_some() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_stay_and_what_moves_the_cursor_is_escaped() {
        assert_eq!(printable("\"GET /\\\" é", 80), "\"GET /\\\" é");
        assert_eq!(printable("\x1b[2J\0\u{202e}", 80), "\\u{1b}[2J\\0\\u{202e}");
    }

    #[test]
    fn a_long_text_is_cut() {
        assert_eq!(printable("abc", 3), "abc");
        assert_eq!(printable("abcd", 3), "abc...");
    }
}
