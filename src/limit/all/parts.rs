//! Several buckets, charged all or not at all.

use super::{
    agreeing::{Agreeing, Pending},
    failure::Failure,
    hold::Hold,
    part::{Asked, Claim, Part, Taken},
    tally::{Tally, graver},
};
use crate::limit::{
    decision::Decision,
    limiter::{Check, Patience},
    quota::Cost,
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
    pub(super) fn of(parts: &'a [&'a dyn Part], cost: Cost, patience: Option<Patience>) -> Self {
        let mut asked: [Option<Asked>; MOST] = [None; MOST];
        for (index, part) in parts.iter().enumerate() {
            let same = |other: &&dyn Part| other.bucket() == part.bucket();
            let first = parts[..index].iter().position(same);
            match first.and_then(|first| asked[first].as_mut()) {
                Some(first) => first.cost = first.cost.saturating_add(cost),
                None => asked[index] = Some(Asked { cost, patience }),
            }
        }
        Self { parts, asked }
    }

    fn each(&self) -> impl Iterator<Item = (usize, &'a dyn Part, Asked)> {
        let each = self.parts.iter().zip(self.asked).enumerate();
        each.filter_map(|(index, (part, asked))| Some((index, *part, asked?)))
    }

    /// Those in process first: they cost no call, and refuse without one.
    pub(super) fn check<E: Failure>(&self) -> Check<Agreeing<E>> {
        if let Some(denial) = self.known_elsewhere() {
            return Check::Now(denial);
        }
        let mut takings = [const { None }; MOST];
        match self.take(&mut takings) {
            Ok(tally) => self.answer(tally, takings),
            Err((index, denial)) => {
                self.give_back(&takings);
                Check::Now(self.gravest(denial.by(index), |other| other > index))
            }
        }
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
    fn take(&self, takings: &mut Takings) -> Result<Tally, (usize, Decision)> {
        let mut tally = Tally::default();
        for (index, part, asked) in self.each() {
            let Some(taken) = part.take(asked) else {
                continue;
            };
            if taken.decision.is_denied() {
                return Err((index, taken.decision));
            }
            tally.add(index, &taken.decision);
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

    fn answer<E: Failure>(&self, tally: Tally, takings: Takings) -> Check<Agreeing<E>> {
        let waits = |taken: &Taken| matches!(taken.claim, Claim::Turn(_));
        if self.elsewhere().next().is_none() && !takings.iter().flatten().any(waits) {
            return Check::Now(tally.decision());
        }
        Check::Later(Agreeing::of(self.pending(tally, takings)))
    }

    #[cold]
    fn pending(&self, tally: Tally, takings: Takings) -> Pending {
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
