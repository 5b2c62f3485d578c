//! Odd turns in docs and comments: correct English at best, but a reader in a
//! hurry has to read the sentence twice.

use std::fmt::{self, Display};

/// Successive lines of docs or comments.
#[derive(Debug, Default)]
pub(crate) struct Paragraph<'a> {
    words: Vec<Word<'a>>,
}

#[derive(Clone, Copy, Debug)]
struct Word<'a> {
    /// With the punctuation that it touches.
    text: &'a str,
    /// Counted from 1.
    line: usize,
}

/// A turn that was found, and what is better.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OddTurn {
    pub(crate) line: usize,
    turn: String,
    advice: &'static str,
}

impl Display for OddTurn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\": {}", self.turn, self.advice)
    }
}

/// The paragraphs of all comments in a Rust or Lua file.
pub(crate) fn paragraphs(text: &str) -> Vec<Paragraph<'_>> {
    let mut paragraphs = vec![Paragraph::default()];
    for (line, text) in (1..).zip(text.lines()) {
        let comment = comment(text).unwrap_or_default();
        if comment.trim().is_empty() {
            paragraphs.push(Paragraph::default());
        } else if let Some(last) = paragraphs.last_mut() {
            let words = comment.split_whitespace();
            last.words.extend(words.map(|text| Word { text, line }));
        }
    }
    paragraphs.retain(|paragraph| !paragraph.words.is_empty());
    paragraphs
}

fn comment(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let rust = line.strip_prefix("//");
    let rust = rust.map(|rest| rest.strip_prefix(['/', '!']).unwrap_or(rest));
    rust.or_else(|| line.strip_prefix("--"))
}

/// A turn, as a test of the words from one on, and what is better.
type Rule = (
    fn(&[Word<'_>], Option<Word<'_>>) -> Option<usize>,
    &'static str,
);

/// Each tells how many words it has found.
const RULES: [Rule; 9] = [
    (headless_who, "begin with the thing: \"A caller that ...\""),
    (whoever, "name the caller, the request or the type"),
    (
        headless_what,
        "begin with the thing: \"A request that is refused ...\"",
    ),
    (for_as_because, "say \"because\", or begin a new sentence"),
    (for_to, "say \"to\" or \"because\""),
    (is_no, "say \"is not a\", or \"there is no\""),
    (or_else_were, "say \"otherwise\", or what would happen"),
    (of_whom, "name it: \"the request that it belongs to\""),
    (somebody, "name the caller, the client or the task"),
];

impl Paragraph<'_> {
    pub(crate) fn words(&self) -> usize {
        self.words.len()
    }

    pub(crate) fn odd_turns(&self) -> Vec<OddTurn> {
        let mut found = Vec::new();
        for at in 0..self.words.len() {
            let before = at.checked_sub(1).map(|before| self.words[before]);
            let words = &self.words[at..];
            for (rule, advice) in RULES {
                let Some(length) = rule(words, before) else {
                    continue;
                };
                // With a little of the sentence, so that it can be searched.
                let shown = &words[..words.len().min(length + 2)];
                let shown: Vec<_> = shown.iter().map(|word| word.text).collect();
                found.push(OddTurn {
                    line: words[0].line,
                    turn: shown.join(" "),
                    advice,
                });
            }
        }
        found
    }
}

impl<'a> Word<'a> {
    /// Without the punctuation around it.
    fn bare(self) -> &'a str {
        self.text.trim_matches(|c: char| !c.is_alphanumeric())
    }

    fn is(self, words: &[&str]) -> bool {
        words.contains(&self.bare())
    }

    /// Whether a sentence or a half of one ends with it.
    fn ends_sentence(self) -> bool {
        self.text.ends_with(['.', ':', ';'])
    }

    /// Whether a phrase goes on after it.
    fn runs_on(self) -> bool {
        self.text.ends_with(|c: char| c.is_alphanumeric())
    }
}

/// Whether the words begin a sentence.
fn begins(before: Option<Word<'_>>) -> bool {
    before.is_none_or(Word::ends_sentence)
}

/// Whether the sentence that the words begin is a question.
fn asks(words: &[Word<'_>]) -> bool {
    let end = words.iter().find(|it| it.text.ends_with(['.', '?']));
    end.is_some_and(|it| it.text.ends_with('?'))
}

fn headless_who(words: &[Word<'_>], before: Option<Word<'_>>) -> Option<usize> {
    let is_who = matches!(words[0].text, "Who" | "Whoever");
    let is_question = words
        .get(1)
        .is_some_and(|it| it.is(&["is", "are", "was", "were", "am"]));
    (is_who && begins(before) && !(is_question && asks(words))).then_some(1)
}

fn whoever(words: &[Word<'_>], _: Option<Word<'_>>) -> Option<usize> {
    let of = ["whoever", "Whoever", "whom", "Whom", "whomever", "Whomever"];
    words[0].is(&of).then_some(1)
}

fn headless_what(words: &[Word<'_>], before: Option<Word<'_>>) -> Option<usize> {
    (words[0].text == "What" && begins(before) && !asks(words)).then_some(1)
}

fn for_as_because(words: &[Word<'_>], _: Option<Word<'_>>) -> Option<usize> {
    const SUBJECTS: [&str; 25] = [
        "the", "it", "they", "a", "an", "there", "nobody", "this", "that", "what", "whoever",
        "who", "most", "all", "one", "each", "others", "clients", "its", "their", "not", "to",
        "these", "those", "no",
    ];
    let [first, second, third, ..] = words else {
        return None;
    };
    let comma = first.text.ends_with(',') && second.text == "for";
    (comma && third.is(&SUBJECTS)).then_some(3)
}

fn for_to(words: &[Word<'_>], _: Option<Word<'_>>) -> Option<usize> {
    let [first, second, ..] = words else {
        return None;
    };
    (first.is(&["for"]) && first.runs_on() && second.text == "to").then_some(2)
}

fn is_no(words: &[Word<'_>], before: Option<Word<'_>>) -> Option<usize> {
    const USUAL: [&str; 8] = [
        "longer", "more", "one", "such", "way", "need", "room", "limit",
    ];
    let [first, second, third, ..] = words else {
        return None;
    };
    let is_no = first.is(&["is", "are", "was", "were"]) && second.text == "no";
    let there = before.is_some_and(|it| it.is(&["there", "There"]));
    (is_no && first.runs_on() && !there && !third.is(&USUAL)).then_some(3)
}

fn or_else_were(words: &[Word<'_>], _: Option<Word<'_>>) -> Option<usize> {
    let [first, second, rest @ ..] = words else {
        return None;
    };
    let end = rest.iter().position(|it| it.text.ends_with('.'));
    let sentence = &rest[..end.map_or(rest.len(), |end| end + 1)];
    let were = sentence.iter().any(|it| it.is(&["were"]));
    (first.text == "or" && second.is(&["else"]) && were).then_some(2)
}

fn of_whom(words: &[Word<'_>], _: Option<Word<'_>>) -> Option<usize> {
    let [first, second, ..] = words else {
        return None;
    };
    (first.text == "of" && second.is(&["whom", "what"])).then_some(2)
}

fn somebody(words: &[Word<'_>], _: Option<Word<'_>>) -> Option<usize> {
    let bare = words[0].bare();
    let rest = bare.strip_suffix("body")?;
    let of = ["some", "Some", "no", "No", "any", "Any", "every", "Every"];
    of.contains(&rest).then_some(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line and the first word of each odd turn.
    fn found(text: &str) -> Vec<(usize, String)> {
        let paragraphs = paragraphs(text);
        let turns = paragraphs.iter().flat_map(Paragraph::odd_turns);
        let turns = turns.map(|odd| {
            (
                odd.line,
                odd.turn.split(' ').take(2).collect::<Vec<_>>().join(" "),
            )
        });
        turns.collect()
    }

    #[track_caller]
    fn is_odd(sentence: &str) {
        assert_eq!(found(&format!("/// {sentence}")).len(), 1, "{sentence}");
    }

    #[track_caller]
    fn is_fine(sentence: &str) {
        assert_eq!(found(&format!("/// {sentence}")), [], "{sentence}");
    }

    #[test]
    fn odd_turns_are_found() {
        is_odd("Who waits is told.");
        is_odd("It is told to whoever waits.");
        is_odd("It waits. What is refused is counted.");
        is_odd("It is left out, for the client knows it.");
        is_odd("It is there for to help.");
        is_odd("A test is no proof.");
        is_odd("It waits, or else both were late.");
        is_odd("The request of which, or of what, it came.");
        is_odd("There is nothing that anybody could read.");
    }

    #[test]
    fn plain_sentences_pass() {
        is_fine("Who is the client? What does it cost?");
        is_fine("What it costs? Nothing.");
        is_fine("Waits for the answer, as long as it takes.");
        is_fine("There is no limit, there is no key, and it is no longer empty.");
        is_fine("It is admitted, or else refused.");
        is_fine("Returns the body, somewhat later.");
    }

    #[test]
    fn a_turn_may_go_over_lines_but_not_over_paragraphs() {
        let text =
            "/// It waits, for\n/// the client is slow.\nfn a() {}\n// That is no\n\n// proof.";
        assert_eq!(found(text), [(1, "waits, for".into())]);
    }

    #[test]
    fn comments_of_lua_and_of_modules_count_and_code_does_not() {
        let text = "-- Somebody.\n//! Nobody.\nlet anybody = 1; // Everybody.\n    // Anybody.";
        let lines: Vec<_> = found(text).into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines, [1, 2, 4]);
    }

    #[test]
    fn a_turn_is_shown_with_what_is_better() {
        let paragraphs = paragraphs("// It belongs to somebody else here.");
        let told = paragraphs[0].odd_turns()[0].to_string();
        assert_eq!(
            told,
            "\"somebody else here.\": name the caller, the client or the task"
        );
    }
}
