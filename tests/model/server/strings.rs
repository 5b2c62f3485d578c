//! Commands on strings.

use sluicegate::clock::Tick;

use super::{
    command::{Args, Server, whole},
    reply::{Answer, Answered, Refused},
};
use crate::store::Value;

impl Server {
    fn text(&self, key: &[u8]) -> Result<Option<&[u8]>, Refused> {
        match self.store.get(key) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(Refused::WrongType),
        }
    }
}

pub(super) fn get(server: &mut Server, args: Args<'_>) -> Answered {
    let [key] = args else {
        return Err(Refused::Unknown);
    };
    Ok(Answer::or_nil(server.text(key)?))
}

/// The options of a SET.
#[derive(Default)]
struct Options {
    dies: Option<Tick>,
    only_new: bool,
    only_old: bool,
    gets: bool,
    keeps_expiry: bool,
}

impl Options {
    fn read(server: &Server, mut args: Args<'_>) -> Result<Self, Refused> {
        let mut options = Self::default();
        while let [option, rest @ ..] = args {
            args = rest;
            match *option {
                b"NX" => options.only_new = true,
                b"XX" => options.only_old = true,
                b"GET" => options.gets = true,
                b"KEEPTTL" => options.keeps_expiry = true,
                b"PX" => {
                    let (life, rest) = args.split_first().ok_or(Refused::Unknown)?;
                    let life = Tick::try_from(whole(life)?).unwrap_or_default();
                    // Redis refuses it, too.
                    assert!(life > 0, "an expiry of nothing");
                    options.dies = Some(server.now + life * 1_000);
                    args = rest;
                }
                _ => return Err(Refused::Unknown),
            }
        }
        Ok(options)
    }
}

pub(super) fn set(server: &mut Server, args: Args<'_>) -> Answered {
    let [key, value, options @ ..] = args else {
        return Err(Refused::Unknown);
    };
    let mut options = Options::read(server, options)?;
    let found = match options.gets {
        true => Answer::or_nil(server.text(key)?),
        false => Answer::Nil,
    };
    let exists = server.store.get(key).is_some();
    if (exists && options.only_new) || (!exists && options.only_old) {
        return Ok(found);
    }
    if options.keeps_expiry {
        options.dies = server.store.dies(key).flatten();
    }
    server.store.set(key, Value::Text(value.to_vec()));
    server.store.expire_at(key, options.dies);
    Ok(if options.gets { found } else { Answer::OK })
}

pub(super) fn incr(server: &mut Server, args: Args<'_>) -> Answered {
    let [key] = args else {
        return Err(Refused::Unknown);
    };
    incrby(server, &[key, b"1"])
}

pub(super) fn incrby(server: &mut Server, args: Args<'_>) -> Answered {
    let [key, by] = args else {
        return Err(Refused::Unknown);
    };
    let sum = whole(server.text(key)?.unwrap_or(b"0"))? + whole(by)?;
    server.store.set(key, Value::Text(sum.to_string().into()));
    Ok(Answer::Whole(sum))
}
