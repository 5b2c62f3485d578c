//! Commands on keys, whatever they hold.

use super::{
    command::{Args, Server, whole},
    reply::{Answer, Answered, Refused},
};
use crate::store::Value;

pub(super) fn del(server: &mut Server, keys: Args<'_>) -> Answered {
    let removed = keys.iter().filter(|key| server.store.remove(key)).count();
    Ok(Answer::count(removed))
}

pub(super) fn exists(server: &mut Server, keys: Args<'_>) -> Answered {
    let found = keys.iter().filter(|key| server.store.get(key).is_some());
    Ok(Answer::count(found.count()))
}

/// With the options XX, which holds here for any key, GT and LT.
pub(super) fn pexpire(server: &mut Server, args: Args<'_>) -> Answered {
    expire_in(server, args, 1_000)
}

pub(super) fn expire(server: &mut Server, args: Args<'_>) -> Answered {
    expire_in(server, args, 1_000_000)
}

/// A key without an expiry counts as one that never expires, as in Redis.
fn expire_in(server: &mut Server, args: Args<'_>, ticks: i64) -> Answered {
    let (key, life, option) = match *args {
        [key, life] => (key, life, None),
        [key, life, option] => (key, life, Some(option)),
        _ => return Err(Refused::Unknown),
    };
    let dies = server.now as i64 + whole(life)? * ticks;
    let Some(before) = server.store.dies(key) else {
        return Ok(Answer::Whole(0));
    };
    let is_set = match option {
        None => true,
        Some(b"NX") => before.is_none(),
        Some(b"XX") => before.is_some(),
        Some(b"GT") => before.is_some_and(|it| dies > it as i64),
        Some(b"LT") => before.is_none_or(|it| dies < it as i64),
        Some(_) => return Err(Refused::Unknown),
    };
    if is_set && dies <= server.now as i64 {
        server.store.remove(key);
    } else if is_set {
        server.store.expire_at(key, Some(dies as u64));
    }
    Ok(Answer::flag(is_set))
}

pub(super) fn persist(server: &mut Server, args: Args<'_>) -> Answered {
    let [key] = args else {
        return Err(Refused::Unknown);
    };
    let dies = server.store.dies(key).flatten();
    server.store.expire_at(key, None);
    Ok(Answer::flag(dies.is_some()))
}

/// In milliseconds, rounded down.
pub(super) fn pttl(server: &mut Server, args: Args<'_>) -> Answered {
    let [key] = args else {
        return Err(Refused::Unknown);
    };
    let left = |dies: u64| (dies.saturating_sub(server.now) / 1_000) as i64;
    let answer = match server.store.dies(key) {
        None => -2,
        Some(dies) => dies.map_or(-1, left),
    };
    Ok(Answer::Whole(answer))
}

pub(super) fn kind(server: &mut Server, args: Args<'_>) -> Answered {
    let [key] = args else {
        return Err(Refused::Unknown);
    };
    Ok(Answer::Status(match server.store.get(key) {
        None => "none",
        Some(Value::Text(_)) => "string",
        Some(Value::Hash(_)) => "hash",
        Some(Value::List(_)) => "list",
        Some(Value::Sorted(_)) => "zset",
    }))
}
