//! The loop of the simulation.

use sluicegate::clock::Tick;

use super::agenda::{Agenda, Attempt};
use crate::compare::{
    candidates::{Answer, Player},
    traffic::{Pattern, Reaction},
};

/// The time that a retry is under way at least.
const ROUND_TRIP: Tick = 20_000;

/// A request that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passage {
    /// The client.
    pub client: u32,
    /// The instant of the first attempt.
    pub asked: Tick,
    /// The instant at which the request passed.
    pub at: Tick,
}

/// Everything that happened in one simulation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The instants of all attempts.
    pub attempts: Vec<Tick>,
    /// The number of attempts that were refused.
    pub refused: u64,
    /// The number of requests of each client.
    pub requests: Vec<u64>,
    /// The requests that passed, in the order of their admission.
    pub passages: Vec<Passage>,
}

/// Plays the pattern. Clients make no attempt after its end.
pub fn play(pattern: &Pattern, player: &mut dyn Player) -> Record {
    let mut agenda = Agenda::new(&pattern.requests);
    let mut record = Record {
        requests: vec![0; pattern.traffic.clients as usize],
        ..Record::default()
    };
    while let Some(attempt) = agenda.next() {
        if attempt.at >= pattern.traffic.duration_us {
            break;
        }
        let answer = player.ask(pattern.bucket(attempt.client), attempt.at);
        record.note(attempt, answer);
        let answered = record.attempts.len();
        if let Some(next) = next(&pattern.reaction, attempt, answer, answered) {
            agenda.add(next);
        }
    }
    record
}

impl Record {
    fn note(&mut self, attempt: Attempt, answer: Answer) {
        self.attempts.push(attempt.at);
        if attempt.number == 1 {
            self.requests[attempt.client as usize] += 1;
        }
        match answer {
            Answer::Refuse { .. } => self.refused += 1,
            Answer::Pass { wait } => self.passages.push(Passage {
                client: attempt.client,
                asked: attempt.asked,
                at: attempt.at + wait,
            }),
        }
    }
}

/// Returns the attempt that follows from an answer, the `answered`-th of all.
fn next(reaction: &Reaction, attempt: Attempt, answer: Answer, answered: usize) -> Option<Attempt> {
    match (reaction, answer) {
        (Reaction::Continue { service, thinking }, answer) => {
            let thought = thinking[answered % thinking.len()];
            let served = match answer {
                Answer::Pass { wait } => wait + service,
                Answer::Refuse { .. } => 0,
            };
            let at = attempt.at + served + thought;
            Some(Attempt::first(at, attempt.client))
        }
        (Reaction::Retry { pause, attempts }, Answer::Refuse { .. }) => {
            again(attempt, *pause, *attempts)
        }
        (Reaction::Obey { pause, attempts }, Answer::Refuse { retry }) => {
            again(attempt, retry.unwrap_or(*pause), *attempts)
        }
        _ => None,
    }
}

fn again(attempt: Attempt, pause: Tick, attempts: u32) -> Option<Attempt> {
    (attempt.number < attempts).then(|| Attempt {
        at: attempt.at + pause.max(ROUND_TRIP),
        number: attempt.number + 1,
        ..attempt
    })
}
