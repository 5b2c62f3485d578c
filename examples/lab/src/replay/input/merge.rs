//! The requests of several files as one stream.

use std::{cmp::Reverse, collections::BinaryHeap};

use sluicegate::clock::Tick;

use super::{open, progress::Progress, settings::InputArgs, stream::Stream, tally::InputTally};
use crate::replay::{error::ReplayError, event::Event};

/// The requests of all files in order of time, whether the files follow each
/// other, as rotated logs do, or were written at the same time by several
/// servers. The order of the files decides only between requests of one
/// instant.
pub(crate) struct Merge {
    streams: Vec<Stream>,
    /// The next request of each stream that is not at its end.
    next: Vec<Option<Event>>,
    order: BinaryHeap<Reverse<(Tick, usize)>>,
    tally: InputTally,
}

impl Merge {
    /// Opens the files.
    ///
    /// # Errors
    ///
    /// If a file cannot be opened or read, or standard input is named twice.
    pub(crate) fn open(args: &InputArgs, progress: &Progress) -> Result<Self, ReplayError> {
        let from_standard_input = args
            .files
            .iter()
            .filter(|path| open::is_standard_input(path));
        if from_standard_input.count() > 1 {
            return Err(ReplayError::StandardInputTwice);
        }
        let files = args.files.iter().cloned();
        let streams: Result<Vec<_>, _> = files
            .map(|path| Stream::open(path, args, progress))
            .collect();
        let streams = streams?;
        let mut merge = Self {
            next: streams.iter().map(|_| None).collect(),
            order: BinaryHeap::with_capacity(streams.len()),
            tally: InputTally::default(),
            streams,
        };
        for index in 0..merge.streams.len() {
            merge.advance(index)?;
        }
        Ok(merge)
    }

    /// Returns the next request; `None` at the end.
    ///
    /// # Errors
    ///
    /// If a file cannot be read.
    pub(crate) fn next(&mut self) -> Result<Option<Event>, ReplayError> {
        let Some(Reverse((_, index))) = self.order.pop() else {
            return Ok(None);
        };
        let event = self.next[index].take();
        self.advance(index)?;
        Ok(event)
    }

    /// Reads the next request of a stream.
    fn advance(&mut self, index: usize) -> Result<(), ReplayError> {
        let event = self.streams[index].next(&mut self.tally)?;
        if let Some(event) = &event {
            self.order.push(Reverse((event.at, index)));
        }
        self.next[index] = event;
        Ok(())
    }

    /// Returns what was read so far.
    pub(crate) fn tally(&self) -> &InputTally {
        &self.tally
    }
}
