//! The requests of one file, in order of time.

use std::path::PathBuf;

use compact_str::CompactString;

use super::{
    lines::{Line, Lines},
    open::{self, Input},
    progress::Progress,
    reorder::Reorder,
    settings::InputArgs,
    tally::InputTally,
};
use crate::replay::{
    error::ReplayError,
    event::Event,
    format::{Fields, Format, Parser, Read, Request, Unreadable, detect},
};

/// How many lines may precede the first one that tells the format.
const MAX_LINES_TO_DETECT: u64 = 1_000;

/// The requests of one file.
pub(super) struct Stream {
    path: PathBuf,
    lines: Lines<Input>,
    fields: Fields,
    format: Option<Format>,
    parser: Option<Parser>,
    reorder: Reorder,
    /// Whether there was a line that is not blank.
    has_text: bool,
    at_end: bool,
}

impl Stream {
    /// Opens a file.
    pub(super) fn open(
        path: PathBuf,
        args: &InputArgs,
        progress: &Progress,
    ) -> Result<Self, ReplayError> {
        let input = open::open(&path, progress)?;
        Ok(Self {
            path,
            lines: Lines::new(input),
            fields: args.fields(),
            format: args.format,
            parser: None,
            reorder: Reorder::new(args.reorder),
            has_text: false,
            at_end: false,
        })
    }

    /// Returns the next request, never one of an earlier instant than the last;
    /// `None` at the end.
    pub(super) fn next(&mut self, tally: &mut InputTally) -> Result<Option<Event>, ReplayError> {
        while !self.at_end {
            if let Some(event) = self.reorder.pop_above_capacity() {
                return Ok(Some(event));
            }
            self.read_line(tally)?;
        }
        Ok(self.reorder.pop())
    }

    /// Reads a line into the window.
    fn read_line(&mut self, tally: &mut InputTally) -> Result<(), ReplayError> {
        let number = self.lines.number();
        let line = match self.lines.next() {
            Ok(Some(Line::Text(text))) if text.trim_ascii().is_empty() => return Ok(()),
            Ok(Some(line)) => line,
            Ok(None) => return self.end(),
            Err(error) => return Err(open::failed_read(&self.path, number, error)),
        };
        tally.lines += 1;
        self.has_text = true;
        let Line::Text(text) = line else {
            tally.unreadable(&self.path, number + 1, b"", Unreadable::Length);
            return Ok(());
        };
        if self.parser.is_none() {
            self.parser = parser(text, self.format, &self.fields)
                .map_err(|reason| ReplayError::Key(self.path.clone(), reason))?;
        }
        match read(self.parser.as_mut(), text) {
            Ok(Read::Request(request)) => hold(&mut self.reorder, request, tally),
            Ok(Read::NoKey) => tally.without_key += 1,
            Ok(Read::Header) => (),
            Err(reason) => tally.unreadable(&self.path, number + 1, text, reason),
        }
        match self.parser.is_none() && number >= MAX_LINES_TO_DETECT {
            true => Err(ReplayError::UnknownFormat(self.path.clone())),
            false => Ok(()),
        }
    }

    /// Ends the file. One without a line in a known format is an error, unless
    /// it is empty.
    fn end(&mut self) -> Result<(), ReplayError> {
        self.at_end = true;
        match self.has_text && self.parser.is_none() {
            true => Err(ReplayError::UnknownFormat(self.path.clone())),
            false => Ok(()),
        }
    }
}

/// Returns the reader of the file, if the format is known or this line tells
/// it.
fn parser(text: &[u8], format: Option<Format>, fields: &Fields) -> Result<Option<Parser>, String> {
    let format = format.or_else(|| detect(text, fields));
    format.map(|format| Parser::new(format, fields)).transpose()
}

fn read<'a>(parser: Option<&mut Parser>, text: &'a [u8]) -> Result<Read<'a>, Unreadable> {
    parser.ok_or(Unreadable::Format)?.read(text)
}

fn hold(reorder: &mut Reorder, request: Request<'_>, tally: &mut InputTally) {
    let Request { at, key, cost } = request;
    let key = CompactString::from_utf8_lossy(&key);
    if let Err(by) = reorder.push(Event { at, key, cost }) {
        tally.late(by);
    }
}
