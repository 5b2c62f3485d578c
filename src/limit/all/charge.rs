//! Several buckets, charged all or not at all.

use super::{
    failure::Failure,
    future::{Agreeing, Pending},
    hold::Hold,
    notes::Notes,
    part::{Asked, Claim, Part, Taken},
    tally::{Tally, graver},
};
use crate::limit::{
    decision::Decision,
    limiter::{Check, Wait},
    rules::quota::Cost,
};

/// How many limits there can be.
const MOST: usize = 4;

/// What was taken of each part, if anything.
type Takings = [Option<Taken>; MOST];

pub(super) struct Parts<'a> {
    parts: &'a [&'a dyn Part],
    /// `None` for a bucket that stands among those before.
    asked: [Option<Asked>; MOST],
}

impl<'a> Parts<'a> {
    /// A bucket that stands there twice is asked once, for twice the cost: else
    /// each would speak as if the other were not there.
    pub(super) fn of(parts: &'a [&'a dyn Part], cost: Cost, wait: Option<Wait>) -> Self {
        let mut asked: [Option<Asked>; MOST] = [None; MOST];
        for (index, part) in parts.iter().enumerate() {
            let same = |other: &&dyn Part| other.bucket() == part.bucket();
            let first = parts[..index].iter().position(same);
            match first.and_then(|first| asked[first].as_mut()) {
                Some(first) => first.cost = first.cost.saturating_add(cost),
                None => asked[index] = Some(Asked { cost, wait }),
            }
        }
        Self { parts, asked }
    }

    fn each(&self) -> impl Iterator<Item = (usize, &'a dyn Part, Asked)> {
        let each = self.parts.iter().zip(self.asked).enumerate();
        each.filter_map(|(index, (part, asked))| Some((index, *part, asked?)))
    }

    /// The buckets that are asked.
    pub(super) fn buckets(&self) -> impl Iterator<Item = (usize, &'a dyn Part)> {
        self.each().map(|(index, part, _)| (index, part))
    }

    /// Those in process first: they cost no call, and refuse without one.
    pub(super) fn check<E: Failure>(&self, mut notes: Option<Notes>) -> Check<Agreeing<E>> {
        if let Some(denial) = self.known_elsewhere() {
            return self.refuse(denial, notes);
        }
        let mut takings = [const { None }; MOST];
        match self.take(&mut takings, &mut notes) {
            Ok(tally) => self.answer(tally, takings, notes),
            Err((index, denial)) => {
                self.give_back(&takings);
                drop(takings);
                let denial = self.gravest(denial.by(index), |other| other > index);
                self.refuse(denial, notes)
            }
        }
    }

    #[cold]
    fn refuse<E: Failure>(&self, denial: Decision, notes: Option<Notes>) -> Check<Agreeing<E>> {
        if let Some(mut notes) = notes {
            notes.watch(self.buckets());
            notes.refused(&denial);
        }
        Check::Now(denial)
    }

    fn elsewhere(&self) -> impl Iterator<Item = (usize, &'a dyn Part, Asked)> {
        self.each().filter(|(_, part, _)| part.is_elsewhere())
    }

    /// The denial, if somebody elsewhere is known to refuse.
    fn known_elsewhere(&self) -> Option<Decision> {
        let denial = |(index, part, asked): (usize, &dyn Part, Asked)| {
            Some((index, part.denial(asked)?.by(index)))
        };
        let (index, denial) = self.elsewhere().find_map(denial)?;
        Some(self.gravest(denial, |other| other != index))
    }

    /// Takes from one after the other, until one refuses.
    fn take(
        &self,
        takings: &mut Takings,
        notes: &mut Option<Notes>,
    ) -> Result<Tally, (usize, Decision)> {
        let mut tally = Tally::default();
        for (index, part, asked) in self.each() {
            let Some(taken) = part.take(asked) else {
                continue;
            };
            if taken.decision.is_denied() {
                return Err((index, taken.decision));
            }
            tally.add(index, &taken.decision);
            if let Some(notes) = notes {
                notes.said(index, &taken.decision);
            }
            takings[index] = Some(taken);
        }
        Ok(tally)
    }

    /// A place in a line is given back when it is dropped.
    #[cold]
    fn give_back(&self, takings: &Takings) {
        for (part, taken) in self.parts.iter().zip(takings) {
            if let Some(Taken {
                claim: Claim::Charge(charge),
                ..
            }) = taken
            {
                part.undo(*charge);
            }
        }
    }

    fn answer<E: Failure>(
        &self,
        tally: Tally,
        takings: Takings,
        notes: Option<Notes>,
    ) -> Check<Agreeing<E>> {
        let waits = |taken: &Taken| matches!(taken.claim, Claim::Turn(_));
        if self.elsewhere().next().is_none() && !takings.iter().flatten().any(waits) {
            let decision = tally.decision();
            if let Some(notes) = notes {
                notes.admitted(&decision);
            }
            return Check::Now(decision);
        }
        Check::Later(Agreeing::of(self.pending(tally, takings, notes)))
    }

    #[cold]
    fn pending(&self, tally: Tally, takings: Takings, mut notes: Option<Notes>) -> Pending {
        if let Some(notes) = &mut notes {
            notes.watch(self.buckets());
        }
        let taken = self.parts.iter().zip(takings);
        let holds = taken.filter_map(|(part, taken)| {
            Some(match taken?.claim {
                Claim::Charge(charge) => part.hold(charge),
                Claim::Turn(turn) => Hold::turn(turn),
            })
        });
        Pending {
            tally,
            holds: holds.collect(),
            notes,
            #[cfg(feature = "redis")]
            queries: self
                .each()
                .filter_map(|(index, part, asked)| Some((index, part.query(asked)?)))
                .collect(),
        }
    }

    /// The gravest of this denial and those that are certain of others.
    #[cold]
    fn gravest(&self, denial: Decision, among: impl Fn(usize) -> bool) -> Decision {
        let others = self.each().filter(|(index, ..)| among(*index));
        let denials = others.filter_map(|(index, part, asked)| Some(part.denial(asked)?.by(index)));
        denials.fold(denial, |gravest, other| graver(Some(gravest), other))
    }
}
