//! Commands on lists.

use super::{
    command::{Args, Server, whole},
    reply::{Answer, Answered, Refused},
};
use crate::store::Value;

impl Server {
    fn list(&self, key: &[u8]) -> Result<&[Vec<u8>], Refused> {
        match self.store.get(key) {
            None => Ok(&[]),
            Some(Value::List(list)) => Ok(list),
            Some(_) => Err(Refused::WrongType),
        }
    }
}

/// The place of an index, which counts from the end if it is negative.
pub(super) fn place(index: &[u8], length: usize) -> Result<i64, Refused> {
    let index = whole(index)?;
    Ok(if index < 0 {
        index + length as i64
    } else {
        index
    })
}

/// The places from one index to another, both included.
pub(super) fn span(
    first: &[u8],
    last: &[u8],
    length: usize,
) -> Result<std::ops::Range<usize>, Refused> {
    let first = place(first, length)?.max(0) as usize;
    let end = (place(last, length)? + 1).clamp(0, length as i64) as usize;
    Ok(first.min(end)..end)
}

pub(super) fn lindex(server: &mut Server, args: Args<'_>) -> Answered {
    let [key, index] = args else {
        return Err(Refused::Unknown);
    };
    let list = server.list(key)?;
    let place = usize::try_from(place(index, list.len())?).ok();
    let found = place.and_then(|place| list.get(place));
    Ok(Answer::or_nil(found.cloned()))
}

pub(super) fn llen(server: &mut Server, args: Args<'_>) -> Answered {
    let [key] = args else {
        return Err(Refused::Unknown);
    };
    Ok(Answer::count(server.list(key)?.len()))
}

pub(super) fn ltrim(server: &mut Server, args: Args<'_>) -> Answered {
    let [key, first, last] = args else {
        return Err(Refused::Unknown);
    };
    let list = server.list(key)?;
    let kept = list[span(first, last, list.len())?].to_vec();
    server.store.set(key, Value::List(kept));
    Ok(Answer::OK)
}

pub(super) fn rpush(server: &mut Server, args: Args<'_>) -> Answered {
    let (key, values) = args.split_first().ok_or(Refused::Unknown)?;
    let mut list = server.list(key)?.to_vec();
    list.extend(values.iter().map(|it| it.to_vec()));
    let length = list.len();
    server.store.set(key, Value::List(list));
    Ok(Answer::count(length))
}
