//! Commands on hashes.

use std::collections::BTreeMap;

use super::{
    command::{Args, Server, whole},
    reply::{Answer, Answered, Refused},
};
use crate::store::Value;

type Hash = BTreeMap<Vec<u8>, Vec<u8>>;

impl Server {
    fn hash(&self, key: &[u8]) -> Result<Hash, Refused> {
        match self.store.get(key) {
            None => Ok(Hash::new()),
            Some(Value::Hash(hash)) => Ok(hash.clone()),
            Some(_) => Err(Refused::WrongType),
        }
    }

    /// Changes the hash of a key, which is gone when it has no fields.
    fn change_hash<T>(
        &mut self,
        key: &[u8],
        change: impl FnOnce(&mut Hash) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        let mut hash = self.hash(key)?;
        let answer = change(&mut hash)?;
        self.store.set(key, Value::Hash(hash));
        Ok(answer)
    }
}

/// Splits the key off.
fn key<'a>(args: Args<'a>) -> Result<(&'a [u8], Args<'a>), Refused> {
    let (key, rest) = args.split_first().ok_or(Refused::Unknown)?;
    Ok((key, rest))
}

pub(super) fn hget(server: &mut Server, args: Args<'_>) -> Answered {
    let [key, field] = args else {
        return Err(Refused::Unknown);
    };
    Ok(Answer::or_nil(server.hash(key)?.remove(*field)))
}

pub(super) fn hexists(server: &mut Server, args: Args<'_>) -> Answered {
    let [key, field] = args else {
        return Err(Refused::Unknown);
    };
    Ok(Answer::flag(server.hash(key)?.contains_key(*field)))
}

pub(super) fn hmget(server: &mut Server, args: Args<'_>) -> Answered {
    let (key, fields) = key(args)?;
    let hash = server.hash(key)?;
    let values = fields.iter().map(|field| hash.get(*field).cloned());
    Ok(Answer::List(values.map(Answer::or_nil).collect()))
}

pub(super) fn hgetall(server: &mut Server, args: Args<'_>) -> Answered {
    let (key, _) = key(args)?;
    let pairs = server.hash(key)?.into_iter();
    let pairs = pairs.flat_map(|(field, value)| [field, value]);
    Ok(Answer::List(pairs.map(Answer::Text).collect()))
}

pub(super) fn hkeys(server: &mut Server, args: Args<'_>) -> Answered {
    let (key, _) = key(args)?;
    let fields = server.hash(key)?.into_keys();
    Ok(Answer::List(fields.map(Answer::Text).collect()))
}

pub(super) fn hvals(server: &mut Server, args: Args<'_>) -> Answered {
    let (key, _) = key(args)?;
    let values = server.hash(key)?.into_values();
    Ok(Answer::List(values.map(Answer::Text).collect()))
}

pub(super) fn hlen(server: &mut Server, args: Args<'_>) -> Answered {
    let (key, _) = key(args)?;
    Ok(Answer::count(server.hash(key)?.len()))
}

/// Answers how many fields are new.
pub(super) fn hset(server: &mut Server, args: Args<'_>) -> Answered {
    let (key, pairs) = key(args)?;
    if pairs.len() % 2 == 1 {
        return Err(Refused::Unknown);
    }
    let new = server.change_hash(key, |hash| {
        let pairs = pairs.chunks(2);
        let insert = |pair: &[&[u8]]| hash.insert(pair[0].to_vec(), pair[1].to_vec());
        Ok(pairs.map(insert).filter(Option::is_none).count())
    })?;
    Ok(Answer::count(new))
}

pub(super) fn hsetnx(server: &mut Server, args: Args<'_>) -> Answered {
    let [key, field, _] = args else {
        return Err(Refused::Unknown);
    };
    if server.hash(key)?.contains_key(*field) {
        return Ok(Answer::Whole(0));
    }
    hset(server, args)
}

pub(super) fn hincrby(server: &mut Server, args: Args<'_>) -> Answered {
    let [key, field, by] = args else {
        return Err(Refused::Unknown);
    };
    let by = whole(by)?;
    let sum = server.change_hash(key, |hash| {
        let sum = hash.get(*field).map_or(Ok(0), |it| whole(it))? + by;
        hash.insert(field.to_vec(), sum.to_string().into());
        Ok(sum)
    })?;
    Ok(Answer::Whole(sum))
}

pub(super) fn hdel(server: &mut Server, args: Args<'_>) -> Answered {
    let (key, fields) = key(args)?;
    let removed = server.change_hash(key, |hash| {
        let removed = fields.iter().filter_map(|field| hash.remove(*field));
        Ok(removed.count())
    })?;
    Ok(Answer::count(removed))
}
