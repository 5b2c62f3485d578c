//! Commands on sorted sets. Scores are whole numbers, as in all scripts.

use super::{
    command::{Args, Server, whole},
    lists::span,
    reply::{Answer, Answered, Refused},
};
use crate::store::{Sorted, Value};

type Members = Vec<(i64, Vec<u8>)>;

impl Server {
    fn sorted(&self, key: &[u8]) -> Result<Sorted, Refused> {
        match self.store.get(key) {
            None => Ok(Sorted::new()),
            Some(Value::Sorted(set)) => Ok(set.clone()),
            Some(_) => Err(Refused::WrongType),
        }
    }

    /// The members by their scores, and those of the same score by their names.
    fn members(&self, key: &[u8]) -> Result<Members, Refused> {
        let members = self.sorted(key)?.into_iter();
        let mut members: Members = members.map(|(name, score)| (score, name)).collect();
        members.sort();
        Ok(members)
    }

    fn set_sorted(&mut self, key: &[u8], set: Sorted) {
        self.store.set(key, Value::Sorted(set));
    }

    /// Removes members, and answers how many there were.
    fn remove_members<'a>(
        &mut self,
        key: &[u8],
        members: impl IntoIterator<Item = &'a [u8]>,
    ) -> Answered {
        let mut set = self.sorted(key)?;
        let before = set.len();
        for member in members {
            set.remove(member);
        }
        let removed = before - set.len();
        self.set_sorted(key, set);
        Ok(Answer::count(removed))
    }
}

/// From which score to which one, as ZRANGEBYSCORE reads them.
fn scores(least: &[u8], most: &[u8]) -> Result<std::ops::RangeInclusive<i64>, Refused> {
    let bound = |arg: &[u8], beyond| match arg {
        b"-inf" => Ok(i64::MIN),
        b"+inf" | b"inf" => Ok(i64::MAX),
        [b'(', number @ ..] => Ok(whole(number)? + beyond),
        number => whole(number),
    };
    Ok(bound(least, 1)?..=bound(most, -1)?)
}

fn within(members: Members, least: &[u8], most: &[u8]) -> Result<Members, Refused> {
    let scores = scores(least, most)?;
    let inside = members.into_iter();
    Ok(inside.filter(|(score, _)| scores.contains(score)).collect())
}

fn list(members: Members, with_scores: bool) -> Answer {
    let each = |(score, name): (i64, Vec<u8>)| {
        let score = with_scores.then(|| Answer::text(score.to_string()));
        std::iter::once(Answer::Text(name)).chain(score)
    };
    Answer::List(members.into_iter().flat_map(each).collect())
}

/// The options in front of the scores of a ZADD.
#[derive(Default)]
struct Options {
    only_new: bool,
    only_old: bool,
    greater: bool,
    less: bool,
    counts_changes: bool,
    increments: bool,
}

impl Options {
    fn read<'a>(mut args: Args<'a>) -> (Self, Args<'a>) {
        let mut options = Self::default();
        while let [option, rest @ ..] = args {
            match *option {
                b"NX" => options.only_new = true,
                b"XX" => options.only_old = true,
                b"GT" => options.greater = true,
                b"LT" => options.less = true,
                b"CH" => options.counts_changes = true,
                b"INCR" => options.increments = true,
                _ => break,
            }
            args = rest;
        }
        (options, args)
    }

    /// The score of a member after the command; `None` if it stays as it is.
    fn score(&self, before: Option<i64>, score: i64) -> Option<i64> {
        let Some(before) = before else {
            return (!self.only_old).then_some(score);
        };
        let score = if self.increments {
            before + score
        } else {
            score
        };
        let stays =
            self.only_new || (self.greater && score <= before) || (self.less && score >= before);
        (!stays).then_some(score)
    }
}

pub(super) fn zadd(server: &mut Server, args: Args<'_>) -> Answered {
    let (key, args) = args.split_first().ok_or(Refused::Unknown)?;
    let (options, pairs) = Options::read(args);
    if pairs.is_empty() || pairs.len() % 2 == 1 {
        return Err(Refused::Unknown);
    }
    let (mut set, mut added, mut changed, mut last) = (server.sorted(key)?, 0, 0, None);
    for pair in pairs.chunks(2) {
        let before = set.get(pair[1]).copied();
        last = options.score(before, whole(pair[0])?);
        let Some(score) = last else { continue };
        set.insert(pair[1].to_vec(), score);
        added += usize::from(before.is_none());
        changed += usize::from(before != Some(score));
    }
    server.set_sorted(key, set);
    Ok(match options {
        Options {
            increments: true, ..
        } => Answer::or_nil(last.map(|it| it.to_string())),
        Options {
            counts_changes: true,
            ..
        } => Answer::count(changed),
        _ => Answer::count(added),
    })
}

pub(super) fn zincrby(server: &mut Server, args: Args<'_>) -> Answered {
    let [key, by, member] = args else {
        return Err(Refused::Unknown);
    };
    zadd(server, &[key, b"INCR", by, member])
}

pub(super) fn zrem(server: &mut Server, args: Args<'_>) -> Answered {
    let (key, members) = args.split_first().ok_or(Refused::Unknown)?;
    server.remove_members(key, members.iter().copied())
}

pub(super) fn zscore(server: &mut Server, args: Args<'_>) -> Answered {
    let [key, member] = args else {
        return Err(Refused::Unknown);
    };
    let score = server.sorted(key)?.remove(*member);
    Ok(Answer::or_nil(score.map(|it| it.to_string())))
}

pub(super) fn zmscore(server: &mut Server, args: Args<'_>) -> Answered {
    let (key, members) = args.split_first().ok_or(Refused::Unknown)?;
    let set = server.sorted(key)?;
    let scores = members.iter().map(|member| set.get(*member));
    let texts = scores.map(|it| Answer::or_nil(it.map(i64::to_string)));
    Ok(Answer::List(texts.collect()))
}

pub(super) fn zcard(server: &mut Server, args: Args<'_>) -> Answered {
    let [key] = args else {
        return Err(Refused::Unknown);
    };
    Ok(Answer::count(server.sorted(key)?.len()))
}

pub(super) fn zcount(server: &mut Server, args: Args<'_>) -> Answered {
    let [key, least, most] = args else {
        return Err(Refused::Unknown);
    };
    let inside = within(server.members(key)?, least, most)?;
    Ok(Answer::count(inside.len()))
}

pub(super) fn zrank(server: &mut Server, args: Args<'_>) -> Answered {
    let [key, member] = args else {
        return Err(Refused::Unknown);
    };
    let members = server.members(key)?;
    let place = members.iter().position(|(_, name)| name == member);
    Ok(place.map_or(Answer::Nil, Answer::count))
}

/// With the options WITHSCORES and LIMIT.
pub(super) fn zrangebyscore(server: &mut Server, args: Args<'_>) -> Answered {
    let [key, least, most, options @ ..] = args else {
        return Err(Refused::Unknown);
    };
    let (with_scores, options) = match options {
        [b"WITHSCORES", rest @ ..] => (true, rest),
        options => (false, options),
    };
    let mut inside = within(server.members(key)?, least, most)?;
    match options {
        [] => {}
        [b"LIMIT", first, many] => {
            let many = usize::try_from(whole(many)?).unwrap_or(usize::MAX);
            let first = whole(first)? as usize;
            inside = inside.into_iter().skip(first).take(many).collect();
        }
        _ => return Err(Refused::Unknown),
    }
    Ok(list(inside, with_scores))
}

/// By places, with the option WITHSCORES.
pub(super) fn zrange(server: &mut Server, args: Args<'_>) -> Answered {
    let (key, first, last, with_scores) = match *args {
        [key, first, last] => (key, first, last, false),
        [key, first, last, b"WITHSCORES"] => (key, first, last, true),
        _ => return Err(Refused::Unknown),
    };
    let members = server.members(key)?;
    let span = span(first, last, members.len())?;
    Ok(list(members[span].to_vec(), with_scores))
}

pub(super) fn zremrangebyscore(server: &mut Server, args: Args<'_>) -> Answered {
    let [key, least, most] = args else {
        return Err(Refused::Unknown);
    };
    let inside = within(server.members(key)?, least, most)?;
    server.remove_members(key, inside.iter().map(|(_, name)| &name[..]))
}

pub(super) fn zremrangebyrank(server: &mut Server, args: Args<'_>) -> Answered {
    let [key, first, last] = args else {
        return Err(Refused::Unknown);
    };
    let members = server.members(key)?;
    let span = span(first, last, members.len())?;
    server.remove_members(key, members[span].iter().map(|(_, name)| &name[..]))
}

pub(super) fn zpopmin(server: &mut Server, args: Args<'_>) -> Answered {
    pop(server, args, false)
}

pub(super) fn zpopmax(server: &mut Server, args: Args<'_>) -> Answered {
    pop(server, args, true)
}

fn pop(server: &mut Server, args: Args<'_>, last: bool) -> Answered {
    let (key, many) = match *args {
        [key] => (key, 1),
        [key, many] => (key, whole(many)? as usize),
        _ => return Err(Refused::Unknown),
    };
    let mut members = server.members(key)?;
    if last {
        members.reverse();
    }
    members.truncate(many);
    server.remove_members(key, members.iter().map(|(_, name)| &name[..]))?;
    Ok(list(members, true))
}
