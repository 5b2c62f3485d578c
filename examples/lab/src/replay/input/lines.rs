//! Splits a stream into lines, in a buffer that does not grow with the stream.

use std::io::{self, Read};

/// The longest line that is read. A longer one is skipped and counted.
pub(super) const MAX_LINE_BYTES: usize = 1 << 20;

/// The size of the buffer, unless a line is longer.
const BUFFER_BYTES: usize = 1 << 17;

/// A line, or the notice that one was too long.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    Text(&'a [u8]),
    TooLong,
}

/// The lines of a stream, without their line breaks (`\n` or `\r\n`).
pub(super) struct Lines<R> {
    input: R,
    buffer: Vec<u8>,
    /// The part of the buffer that is not yet read.
    start: usize,
    end: usize,
    number: u64,
    at_end: bool,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            buffer: vec![0; BUFFER_BYTES],
            start: 0,
            end: 0,
            number: 0,
            at_end: false,
        }
    }

    /// Returns the number of the last line, from 1; 0 before the first.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Returns the next line; `None` at the end.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        let Some(length) = self.find_break()? else {
            return self.last();
        };
        self.number += 1;
        if length > MAX_LINE_BYTES {
            self.skip_line()?;
            return Ok(Some(Line::TooLong));
        }
        let line = self.start..self.start + length;
        self.start = line.end + 1;
        Ok(Some(Line::Text(without_return(&self.buffer[line]))))
    }

    /// Returns the length of the next line, or one above the largest allowed.
    /// `None` if the stream ends without a line break.
    fn find_break(&mut self) -> io::Result<Option<usize>> {
        let mut searched = 0;
        loop {
            let text = &self.buffer[self.start + searched..self.end];
            if let Some(found) = memchr::memchr(b'\n', text) {
                return Ok(Some(searched + found));
            }
            searched = self.end - self.start;
            if searched > MAX_LINE_BYTES {
                return Ok(Some(searched));
            }
            if self.fill()? == 0 {
                return Ok(None);
            }
        }
    }

    /// Skips the rest of a line that is too long.
    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let text = &self.buffer[self.start..self.end];
            if let Some(found) = memchr::memchr(b'\n', text) {
                self.start += found + 1;
                return Ok(());
            }
            self.start = self.end;
            if self.fill()? == 0 {
                return Ok(());
            }
        }
    }

    /// Returns the text behind the last line break.
    fn last(&mut self) -> io::Result<Option<Line<'_>>> {
        if self.start == self.end {
            return Ok(None);
        }
        self.number += 1;
        let line = self.start..self.end;
        self.start = self.end;
        Ok(Some(Line::Text(without_return(&self.buffer[line]))))
    }

    /// Reads more behind what is left, and returns how much that is.
    fn fill(&mut self) -> io::Result<usize> {
        if self.at_end {
            return Ok(0);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == self.buffer.len() {
            self.buffer.resize(2 * self.end, 0);
        }
        let read = read_some(&mut self.input, &mut self.buffer[self.end..])?;
        self.at_end = read == 0;
        self.end += read;
        Ok(read)
    }
}

/// Reads once, and again if a signal came in between.
fn read_some(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match input.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            result => return result,
        }
    }
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives a few bytes a read.
    struct Drops<'a>(&'a [u8], usize);

    impl Read for Drops<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let size = self.1.min(buffer.len());
            self.0.read(&mut buffer[..size])
        }
    }

    fn all(text: &[u8], size: usize) -> Vec<Vec<u8>> {
        let mut lines = Lines::new(Drops(text, size));
        let mut all = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            all.push(match line {
                Line::Text(text) => text.to_vec(),
                Line::TooLong => b"too long".to_vec(),
            });
        }
        assert_eq!(lines.number(), all.len() as u64);
        all
    }

    #[test]
    fn line_breaks_of_both_kinds_end_lines() {
        assert_eq!(all(b"a\r\n\nb\rc\nd", 3), [&b"a"[..], b"", b"b\rc", b"d"]);
        assert!(all(b"", 1).is_empty());
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_in_bounded_memory() {
        let mut text = vec![b'x'; 5 * MAX_LINE_BYTES];
        text.extend_from_slice(b"\nnext\n");
        let mut lines = Lines::new(&text[..]);
        assert_eq!(lines.next().unwrap(), Some(Line::TooLong));
        assert_eq!(lines.next().unwrap(), Some(Line::Text(b"next")));
        assert_eq!(lines.next().unwrap(), None);
        assert!(lines.buffer.len() <= 2 * MAX_LINE_BYTES);
    }

    #[test]
    fn the_longest_line_is_read_whole() {
        for (length, fits) in [(MAX_LINE_BYTES, true), (MAX_LINE_BYTES + 1, false)] {
            let mut text = vec![b'x'; length];
            text.push(b'\n');
            let lines = all(&text, 1 << 16);
            assert_eq!(lines[0].len() == length, fits, "{length}");
        }
    }

    proptest! {
        #[test]
        fn lines_do_not_depend_on_the_size_of_reads(
            text in prop::collection::vec(prop::sample::select(&b"ab\n\r"[..]), 0..60),
            size in 1_usize..9,
        ) {
            let mut expected: Vec<_> = text.split(|byte| *byte == b'\n').collect();
            if expected.last().is_some_and(|last| last.is_empty()) {
                expected.pop();
            }
            let expected: Vec<_> = expected.into_iter().map(|line| without_return(line).to_vec()).collect();
            prop_assert_eq!(all(&text, size), expected);
        }
    }
}
