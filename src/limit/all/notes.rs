//! Notes what each of several limits says, for headers that list them all.

use std::sync::Arc;

use super::part::Part;
use crate::limit::{
    decision::Decision,
    others::{Other, Others},
};

/// Asks a bucket in this process what is left.
pub(in crate::limit) type Look = Box<dyn Fn() -> Decision + Send + Sync>;

/// What is known so far, and where it goes when all is decided.
pub(super) struct Notes {
    entries: Vec<Entry>,
    into: Others,
}

struct Entry {
    part: usize,
    name: Arc<str>,
    /// The decision of a bucket never seen.
    unseen: Decision,
    said: Option<Decision>,
    /// Where it was looked for, and the part is in this process.
    look: Option<Look>,
}

impl Notes {
    /// Of parts that are asked, each with its name.
    pub(super) fn of<'a>(
        parts: impl Iterator<Item = (usize, &'a dyn Part)>,
        names: &[Arc<str>],
        others: &mut Others,
    ) -> Self {
        let entries = parts.map(|(part, asked)| Entry {
            part,
            name: names[part].clone(),
            unseen: asked.unseen(),
            said: None,
            look: None,
        });
        let entries = entries.collect();
        let into = others.handle();
        Self { entries, into }
    }

    /// Makes ready for a refusal, after which parts in this process are looked at.
    pub(super) fn watch<'a>(&mut self, parts: impl Iterator<Item = (usize, &'a dyn Part)>) {
        for (entry, (_, part)) in self.entries.iter_mut().zip(parts) {
            entry.look = part.look();
        }
    }

    /// A part has decided.
    pub(super) fn said(&mut self, part: usize, decision: &Decision) {
        let entry = self.entries.iter_mut().find(|entry| entry.part == part);
        if let Some(entry) = entry {
            entry.said = Some(*decision);
        }
    }

    /// All have admitted.
    pub(super) fn admitted(self, speaker: &Decision) {
        self.finish(speaker, |entry| entry.said);
    }

    /// One has refused, and what was taken of others has been given back: those in
    /// this process are looked at, others have said something only if they refused,
    /// too.
    pub(super) fn refused(self, speaker: &Decision) {
        self.finish(speaker, |entry| {
            let refused = entry.said.filter(Decision::is_denied);
            refused.or_else(|| entry.look.as_ref().map(|look| look()))
        });
    }

    fn finish(self, speaker: &Decision, said: impl Fn(&Entry) -> Option<Decision>) {
        let others = self.entries.iter().filter(|it| it.part != speaker.part());
        let others = others.map(|entry| {
            let said = said(entry);
            let decision = said.unwrap_or(entry.unseen);
            Other::new(entry.name.clone(), decision, said.is_some())
        });
        self.into.note(others.collect());
    }
}
