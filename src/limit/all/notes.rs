//! Notes what each of several limits decides, for headers that list them all.
//!
//! Only a layer whose responses carry such headers asks for notes; other checks
//! do not pay for them.

use std::sync::Arc;

use crate::limit::{
    decision::Decision,
    member::{MemberBucket, Peek},
    others::{Other, Others},
};

/// The decisions known so far, and where they go when all is decided.
pub(super) struct Notes {
    /// In the order of the members.
    notes: Vec<MemberNote>,
    /// The list of the caller, which is shared with the layer.
    into: Others,
}

/// The decision of one member, as far as it is known.
struct MemberNote {
    /// The index of the member.
    member: usize,
    name: Arc<str>,
    /// The decision of a bucket never seen.
    unseen: Decision,
    /// `None` if the member was not asked.
    decision: Option<Decision>,
    /// Set by [`Notes::watch`] for a bucket in this process.
    peek: Option<Peek>,
}

impl Notes {
    /// For these buckets; `names` holds the names of all members.
    pub(super) fn new<'a>(
        buckets: impl Iterator<Item = (usize, &'a dyn MemberBucket)>,
        names: &[Arc<str>],
        others: &mut Others,
    ) -> Self {
        let notes = buckets.map(|(member, bucket)| MemberNote {
            member,
            name: names[member].clone(),
            unseen: bucket.unseen(),
            decision: None,
            peek: None,
        });
        let notes = notes.collect();
        let into = others.handle();
        Self { notes, into }
    }

    /// Prepares for a refusal, after which the buckets in this process are
    /// peeked at. To be called with the same buckets while they are borrowed.
    pub(super) fn watch<'a>(
        &mut self,
        buckets: impl Iterator<Item = (usize, &'a dyn MemberBucket)>,
    ) {
        for (note, (_, bucket)) in self.notes.iter_mut().zip(buckets) {
            note.peek = bucket.peek_later();
        }
    }

    /// Notes the decision of one member.
    pub(super) fn decided(&mut self, member: usize, decision: &Decision) {
        let note = self.notes.iter_mut().find(|note| note.member == member);
        if let Some(note) = note {
            note.decision = Some(*decision);
        }
    }

    /// All have admitted.
    pub(super) fn admitted(self, decision: &Decision) {
        self.finish(decision, |note| note.decision);
    }

    /// One has refused, and the others are rolled back. So buckets in this
    /// process are peeked at, and others only count as asked if they refused
    /// too.
    pub(super) fn refused(self, denial: &Decision) {
        self.finish(denial, |note| {
            let refused = note.decision.filter(Decision::is_denied);
            refused.or_else(|| note.peek.as_ref().map(|peek| peek()))
        });
    }

    /// Hands over all but the member that made the final decision.
    fn finish(self, decision: &Decision, known: impl Fn(&MemberNote) -> Option<Decision>) {
        let others = self
            .notes
            .iter()
            .filter(|note| note.member != decision.part());
        let others = others.map(|note| {
            let known = known(note);
            let decision = known.unwrap_or(note.unseen);
            Other::new(note.name.clone(), decision, known.is_some())
        });
        self.into.note(others.collect());
    }
}
