//! The call of `lua/adaptive.lua`, and its reply.

use std::{sync::LazyLock, time::Duration};

use ::redis::{Cmd, Value};

use super::{adaptive_fleet::AdaptiveFleet, view::FleetView};
use crate::{
    clock::{Tick, ticks},
    redis::{Error, Script},
};

/// The numbers of a reply.
const REPLY_NUMBERS: usize = 7;

static SCRIPT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("../../../../lua/clock.lua"),
        include_str!("../../../../lua/prelude.lua"),
        include_str!("../../../../lua/records.lua"),
        include_str!("../../../../lua/adaptive.lua"),
    ))
});

/// The numbers that an instance tells the fleet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::concurrency) struct InstanceReport {
    pub(in crate::concurrency) in_flight: u32,
    pub(in crate::concurrency) limit: u32,
    /// How long its requests take, once its limit counts for the median.
    pub(in crate::concurrency) took: Option<Duration>,
    /// How high it wants its limit to be allowed to be.
    pub(in crate::concurrency) want: u32,
}

/// The numbers that the fleet tells an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    instances: u32,
    in_flight: u64,
    limit: u64,
    pub(super) median_limit: Option<u32>,
    median_took: Tick,
    pub(super) bound: Option<u32>,
}

/// An instance, as its calls name it.
pub(super) struct MemberCall<'a> {
    pub(super) fleet: &'a AdaptiveFleet,
    pub(super) id: &'a str,
    /// Each call has a higher number than the one before.
    pub(super) number: u64,
}

impl MemberCall<'_> {
    /// Tells what the instance does. `held` is the bound that is in force until
    /// the reply.
    pub(super) fn report(&self, report: InstanceReport, held: Option<u32>) -> Cmd {
        let InstanceReport {
            in_flight,
            limit,
            took,
            want,
        } = report;
        let took = took.map_or(0, |took| ticks(took).max(1));
        let mut call = self.call(ticks(self.fleet.life()));
        call.arg(in_flight).arg(limit).arg(took);
        call.arg(held.unwrap_or(0)).arg(want);
        call.arg(self.fleet.max.unwrap_or(0));
        call.arg(ticks(self.fleet.every) / 2);
        call
    }

    /// Tells that the instance ends.
    pub(super) fn leave(&self) -> Cmd {
        self.call(0)
    }

    fn call(&self, life: Tick) -> Cmd {
        let mut call = SCRIPT.call_at([&*self.fleet.key].into_iter(), None);
        call.arg(self.id).arg(self.number).arg(life);
        call
    }
}

impl Answer {
    /// Returns what it says to users, at this age.
    pub(super) fn view(&self, age: Duration) -> FleetView {
        FleetView {
            age,
            instances: self.instances,
            in_flight: self.in_flight,
            limit: self.limit,
            median_limit: self.median_limit,
            median_took: Some(self.median_took)
                .filter(|took| *took > 0)
                .map(Duration::from_micros),
            bound: self.bound,
        }
    }
}

/// Runs a call. It has the time of calls that no request waits for.
pub(super) async fn run(fleet: &AdaptiveFleet, call: Cmd) -> Result<Answer, Error> {
    let connection = &fleet.connection;
    let timeout = connection.background_timeout();
    read(&connection.run_within(&SCRIPT, call, timeout).await?)
}

fn read(reply: &Value) -> Result<Answer, Error> {
    let unexpected = || Error::reply("seven numbers about a fleet");
    let Value::Array(values) = reply else {
        return Err(unexpected());
    };
    let numbers: Option<Vec<i64>> = values.iter().map(number).collect();
    let numbers = numbers.ok_or_else(unexpected)?;
    let Ok([status, rest @ ..]) = <[i64; REPLY_NUMBERS]>::try_from(numbers) else {
        return Err(unexpected());
    };
    let [
        instances,
        in_flight,
        limit,
        median_limit,
        median_took,
        bound,
    ] = rest.map(|number| u64::try_from(number).unwrap_or(0));
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let known = |number: u64| Some(small(number)).filter(|number| *number > 0);
    match status {
        1 => Ok(Answer {
            instances: small(instances),
            in_flight,
            limit,
            median_limit: known(median_limit),
            median_took,
            bound: known(bound),
        }),
        0 => Err(Error::reply("that to the last call about a fleet")),
        -1 => Err(Error::unreadable("the limits of a fleet")),
        _ => Err(unexpected()),
    }
}

fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(numbers: &[i64]) -> Value {
        Value::Array(numbers.iter().copied().map(Value::Int).collect())
    }

    #[test]
    fn a_reply_has_sums_medians_and_a_bound() {
        let answer = read(&reply(&[1, 3, 70, 200, 60, 5_000, 80])).expect("it is complete");
        let view = answer.view(Duration::ZERO);
        assert_eq!((view.instances, view.in_flight, view.limit), (3, 70, 200));
        assert_eq!((view.median_limit, view.bound), (Some(60), Some(80)));
        assert_eq!(view.median_took, Some(Duration::from_millis(5)));
    }

    #[test]
    fn zeros_are_unknown() {
        let answer = read(&reply(&[1, 1, 0, 20, 0, 0, 0])).expect("it is complete");
        let view = answer.view(Duration::ZERO);
        assert_eq!((view.median_limit, view.median_took), (None, None));
        assert_eq!(view.bound, None);
    }

    #[test]
    fn a_reply_of_another_shape_is_an_error() {
        let of_strings = Value::Array(vec![Value::SimpleString("1".into()); 7]);
        for wrong in [reply(&[1, 2]), reply(&[2; 7]), Value::Nil, of_strings] {
            assert!(read(&wrong).is_err(), "{wrong:?}");
        }
        assert!(read(&reply(&[0; 7])).is_err());
    }
}
