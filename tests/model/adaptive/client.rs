//! Calls the script, each request once.

use std::{collections::HashMap, hash::BuildHasherDefault};

use sluicegate::clock::Tick;

use crate::{
    engine::{Call, Engine, numbered},
    plan::SECOND,
    search::Mixer,
    store::Stores,
};

/// For how long an instance counts after a call.
pub(super) const LIFE: Tick = 2 * SECOND;

/// A call of an instance.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Mail {
    pub(super) instance: u8,
    /// How often the instance began anew, under another id each time.
    pub(super) life: u8,
    pub(super) call: u32,
    pub(super) held: u8,
    /// 0 if the instance leaves.
    pub(super) want: u8,
}

/// The reply to a call, and what it leaves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub(super) store: u32,
    pub(super) is_stale: bool,
    pub(super) bound: u8,
}

/// The result of a script depends on these values only.
type Asked = (u32, Tick, Mail);

/// The script, and the stores that it has left.
pub(super) struct Client {
    /// The maximum of the fleet, and how old the sums may be.
    max: u8,
    max_age: Tick,
    engine: Engine,
    pub(super) stores: Stores,
    answers: HashMap<Asked, Result<Answer, String>, BuildHasherDefault<Mixer>>,
}

pub(super) fn source() -> String {
    numbered(concat!(
        include_str!("../../../lua/clock.lua"),
        include_str!("../../../lua/prelude.lua"),
        include_str!("../../../lua/records.lua"),
        include_str!("../../../lua/adaptive.lua"),
    ))
}

impl Client {
    pub(super) fn new(max: u8, max_age: Tick, source: String) -> Self {
        Self {
            max,
            max_age,
            engine: Engine::new(&[source]),
            stores: Stores::new(),
            answers: HashMap::default(),
        }
    }

    /// Runs a call, or remembers what it did.
    pub(super) fn ask(&mut self, store: u32, clock: Tick, mail: Mail) -> Result<Answer, String> {
        let asked = (store, clock, mail);
        if let Some(answer) = self.answers.get(&asked) {
            return answer.clone();
        }
        let answer = self.run(store, clock, mail);
        self.answers.insert(asked, answer.clone());
        answer
    }

    fn run(&mut self, store: u32, clock: Tick, mail: Mail) -> Result<Answer, String> {
        let life = if mail.want == 0 { 0 } else { LIFE };
        let id = format!("{}-{}", mail.instance, mail.life);
        let held = mail.held.to_string();
        // The limit is as high as it may be, and the durations do not matter.
        let args = [
            String::new(),
            id,
            mail.call.to_string(),
            life.to_string(),
            "0".into(),
            held.clone(),
            "0".into(),
            held,
            mail.want.to_string(),
            self.max.to_string(),
            self.max_age.to_string(),
        ];
        let call = Call {
            keys: vec![b"fleet".to_vec()],
            args: args.map(String::into_bytes).into(),
        };
        let before = self.stores.get(store);
        let (after, reply) = self.engine.run(0, &call, before, clock)?;
        after.all_expire()?;
        let [status, .., bound] = reply[..] else {
            return Err(format!("a reply of {reply:?}"));
        };
        Ok(Answer {
            store: self.stores.number(after),
            is_stale: status == 0,
            bound: bound as u8,
        })
    }
}
