//! From the name of a command to its function.

use sluicegate::clock::Tick;

use super::{
    hashes, keys, lists,
    reply::{Answer, Answered, Refused},
    sorted_sets, strings,
};
use crate::store::Store;

/// A server at an instant.
#[derive(Default)]
pub(crate) struct Server {
    pub(crate) now: Tick,
    pub(crate) store: Store,
}

/// The arguments behind the name of a command.
pub(super) type Args<'a> = &'a [&'a [u8]];

type Command = fn(&mut Server, Args<'_>) -> Answered;

/// The commands by their names.
const COMMANDS: [(&str, Command); 41] = [
    ("TIME", |server, _| server.time()),
    ("DEL", keys::del),
    ("EXISTS", keys::exists),
    ("EXPIRE", keys::expire),
    ("PEXPIRE", keys::pexpire),
    ("PERSIST", keys::persist),
    ("PTTL", keys::pttl),
    ("TYPE", keys::kind),
    ("GET", strings::get),
    ("SET", strings::set),
    ("INCR", strings::incr),
    ("INCRBY", strings::incrby),
    ("HDEL", hashes::hdel),
    ("HEXISTS", hashes::hexists),
    ("HGET", hashes::hget),
    ("HGETALL", hashes::hgetall),
    ("HINCRBY", hashes::hincrby),
    ("HKEYS", hashes::hkeys),
    ("HLEN", hashes::hlen),
    ("HMGET", hashes::hmget),
    ("HSET", hashes::hset),
    ("HSETNX", hashes::hsetnx),
    ("HVALS", hashes::hvals),
    ("LINDEX", lists::lindex),
    ("LLEN", lists::llen),
    ("LTRIM", lists::ltrim),
    ("RPUSH", lists::rpush),
    ("ZADD", sorted_sets::zadd),
    ("ZCARD", sorted_sets::zcard),
    ("ZCOUNT", sorted_sets::zcount),
    ("ZINCRBY", sorted_sets::zincrby),
    ("ZMSCORE", sorted_sets::zmscore),
    ("ZPOPMAX", sorted_sets::zpopmax),
    ("ZPOPMIN", sorted_sets::zpopmin),
    ("ZRANGE", sorted_sets::zrange),
    ("ZRANGEBYSCORE", sorted_sets::zrangebyscore),
    ("ZRANK", sorted_sets::zrank),
    ("ZREM", sorted_sets::zrem),
    ("ZREMRANGEBYRANK", sorted_sets::zremrangebyrank),
    ("ZREMRANGEBYSCORE", sorted_sets::zremrangebyscore),
    ("ZSCORE", sorted_sets::zscore),
];

impl Server {
    /// Runs a command: its name, and its arguments.
    pub(crate) fn run(&mut self, words: Args<'_>) -> Answered {
        let (name, args) = words.split_first().ok_or(Refused::Unknown)?;
        let found = COMMANDS.iter().find(|(it, _)| it.as_bytes() == *name);
        let (_, command) = found.ok_or(Refused::Unknown)?;
        command(self, args)
    }

    fn time(&self) -> Answered {
        let (seconds, micros) = (self.now / 1_000_000, self.now % 1_000_000);
        let time = [seconds.to_string(), micros.to_string()];
        Ok(Answer::List(time.map(Answer::text).into()))
    }
}

/// Reads a whole number.
pub(super) fn whole(arg: &[u8]) -> Result<i64, Refused> {
    let text = std::str::from_utf8(arg).ok();
    text.and_then(|it| it.parse().ok()).ok_or(Refused::NoNumber)
}
