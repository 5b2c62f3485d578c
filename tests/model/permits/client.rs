//! Calls the script, each request once.

use std::{collections::HashMap, hash::BuildHasherDefault};

use sluicegate::clock::Tick;

use super::holder::Mail;
use crate::{
    engine::{Call, Engine, numbered},
    search::Mixer,
    store::{Stores, Value},
};

const KEY: &[u8] = b"permits";

/// How long a lease lasts: a second.
pub(crate) const LENGTH: Tick = 1_000_000;

/// The result of a script depends on these values only: the store, the instant, the
/// call, and the limit of its holder.
type Asked = (u32, Tick, Mail, u8);

/// The reply to a call, and what it leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) store: u32,
    pub(crate) is_stale: bool,
    pub(crate) count: u8,
    pub(crate) target: u8,
    pub(crate) limit: u8,
}

/// The script, and the stores that it has left.
pub(crate) struct Client {
    engine: Engine,
    pub(crate) stores: Stores,
    answers: HashMap<Asked, Result<Answer, String>, BuildHasherDefault<Mixer>>,
}

/// The source of the script, without the ledger of builds for tests.
pub(crate) fn source() -> String {
    let script = concat!(
        include_str!("../../../lua/clock.lua"),
        include_str!("../../../lua/prelude.lua"),
        include_str!("../../../lua/records.lua"),
        "local note\n",
        include_str!("../../../lua/permits.lua"),
    );
    numbered(script)
}

impl Client {
    pub(crate) fn new(source: String) -> Self {
        Self {
            engine: Engine::new(&[source]),
            stores: Stores::new(),
            answers: HashMap::default(),
        }
    }

    /// Runs a call, or remembers what it did.
    pub(crate) fn ask(
        &mut self,
        store: u32,
        clock: Tick,
        mail: Mail,
        limit: u8,
    ) -> Result<Answer, String> {
        let asked = (store, clock, Mail { asked: 0, ..mail }, limit);
        if let Some(answer) = self.answers.get(&asked) {
            return answer.clone();
        }
        let answer = self.run(store, clock, mail, limit);
        self.answers.insert(asked, answer.clone());
        answer
    }

    fn run(&mut self, store: u32, clock: Tick, mail: Mail, limit: u8) -> Result<Answer, String> {
        let numbers = [Tick::from(mail.call), mail.held.into(), mail.want.into()];
        let mut args = vec![
            "".to_owned(),
            id(mail.holder, mail.life),
            limit.to_string(),
            LENGTH.to_string(),
        ];
        args.push("".to_owned());
        args.extend(numbers.map(|number| number.to_string()));
        let call = Call {
            keys: vec![KEY.to_vec()],
            args: args.into_iter().map(String::into_bytes).collect(),
        };
        let before = self.stores.get(store);
        let (after, reply) = self.engine.run(0, &call, before, clock)?;
        let [status, count, target, limit, ..] = reply[..] else {
            return Err(format!("a reply of {reply:?}"));
        };
        Ok(Answer {
            store: self.stores.number(after),
            is_stale: status == 0,
            count: count as u8,
            target: target as u8,
            limit: limit as u8,
        })
    }

    /// Returns the permits that are out by the leases in a store.
    pub(crate) fn out(&self, store: u32, clock: Tick) -> u8 {
        let counts = self.leases(store, clock).map(|(_, count)| count);
        counts.sum()
    }

    /// Returns the permits that are leased to an id.
    pub(crate) fn leased(&self, store: u32, clock: Tick, id: &str) -> u8 {
        let mut leases = self.leases(store, clock);
        let found = leases.find(|(holder, _)| *holder == id.as_bytes());
        found.map_or(0, |(_, count)| count)
    }

    /// Returns the leases that have not ended: ids, and how many permits.
    fn leases(&self, store: u32, clock: Tick) -> impl Iterator<Item = (&[u8], u8)> {
        let leases = match self.stores.get(store).get(KEY) {
            Some(Value::Hash(leases)) => Some(leases),
            _ => None,
        };
        let leases = leases.into_iter().flatten();
        let leases = leases.filter(|(id, _)| id.as_slice() != b"sum");
        leases.filter_map(move |(id, lease)| {
            let text = String::from_utf8_lossy(lease);
            let numbers: Vec<Tick> = text.split(' ').map(|it| it.parse().unwrap()).collect();
            (clock < numbers[1]).then_some((id.as_slice(), numbers[0] as u8))
        })
    }
}

/// The id of a holder in one of its lives.
pub(crate) fn id(holder: u8, life: u8) -> String {
    format!("{holder}-{life}")
}
