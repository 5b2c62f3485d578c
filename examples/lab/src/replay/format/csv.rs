//! Reads CSV: the columns `timestamp,key[,cost]`, or others that the first line
//! names.

use std::borrow::Cow;

use super::{
    fields::{Fields, TIME_NAMES},
    key::{KeyReader, KeySpec},
    read::{Read, Request, Unreadable},
    time::TimeReader,
};

/// Which column holds what.
#[derive(Clone, Copy, Debug)]
struct Columns {
    time: usize,
    key: usize,
    cost: Option<usize>,
}

/// The columns of a file that does not name them.
const UNNAMED: Columns = Columns {
    time: 0,
    key: 1,
    cost: Some(2),
};

/// Reads CSV.
#[derive(Debug)]
pub(crate) struct Csv {
    fields: Fields,
    keys: KeyReader,
    columns: Columns,
    is_first: bool,
    times: TimeReader,
}

impl Csv {
    pub(super) fn new(fields: &Fields) -> Self {
        Self {
            fields: fields.clone(),
            keys: KeyReader::new(fields),
            columns: UNNAMED,
            is_first: true,
            times: TimeReader::default(),
        }
    }

    /// Reads a line. The first one may name the columns.
    pub(super) fn read<'a>(&mut self, line: &'a [u8]) -> Result<Read<'a>, Unreadable> {
        if std::mem::take(&mut self.is_first) && self.names_columns(line)? {
            return Ok(Read::Header);
        }
        let [mut time, mut key, mut cost] = [const { None }; 3];
        for (index, value) in split(line).enumerate() {
            let value = value.ok_or(Unreadable::Quotes)?;
            match index {
                _ if index == self.columns.time => time = Some(value),
                _ if index == self.columns.key => key = Some(value),
                _ if Some(index) == self.columns.cost => cost = Some(value),
                _ => (),
            }
        }
        let at = self
            .times
            .read(&time.ok_or(Unreadable::NoTime)?)
            .ok_or(Unreadable::Time)?;
        let key = key.ok_or(Unreadable::NoColumn)?;
        let cost = cost
            .map_or(Some(1), |cost| number(&cost))
            .ok_or(Unreadable::Cost)?;
        Ok(match self.keys.read(key) {
            Some(key) => Read::Request(Request { at, key, cost }),
            None => Read::NoKey,
        })
    }

    /// Whether this line names columns, which it does if none of them is a
    /// time. Takes the names over.
    fn names_columns(&mut self, line: &[u8]) -> Result<bool, Unreadable> {
        let values: Option<Vec<_>> = split(line).collect();
        let values = values.ok_or(Unreadable::Quotes)?;
        if values.iter().any(|value| self.times.read(value).is_some()) {
            return Ok(false);
        }
        let find = |names: &[&str]| {
            let named = |value: &Cow<'_, [u8]>, name: &&str| {
                value.trim_ascii().eq_ignore_ascii_case(name.as_bytes())
            };
            names
                .iter()
                .find_map(|name| values.iter().position(|value| named(value, name)))
        };
        let time = match &self.fields.time {
            Some(name) => find(&[name]),
            None => find(&TIME_NAMES),
        };
        let key = match &self.fields.key {
            KeySpec::Field(name) | KeySpec::Header(name) => find(&[name]),
            KeySpec::Ip => find(&["key", "ip", "remote_addr", "client_ip"]),
            KeySpec::Path => find(&["path", "uri"]),
        };
        let time = time.ok_or(Unreadable::NoTime)?;
        let key = key.ok_or(Unreadable::NoColumn)?;
        let cost = find(&["cost"]);
        self.columns = Columns { time, key, cost };
        Ok(true)
    }
}

/// Reads a cost; 1 if the column is empty.
fn number(text: &[u8]) -> Option<u32> {
    match text.trim_ascii() {
        b"" => Some(1),
        text => std::str::from_utf8(text).ok()?.parse().ok(),
    }
}

/// Returns the columns of a line (RFC 4180, without line breaks in quotes):
/// `None` and then no more if a quoted one has no end.
fn split(line: &[u8]) -> impl Iterator<Item = Option<Cow<'_, [u8]>>> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let line = rest.take()?;
        let Some(quoted) = line.strip_prefix(b"\"") else {
            let end = memchr::memchr(b',', line);
            rest = end.map(|end| &line[end + 1..]);
            return Some(Some(Cow::Borrowed(&line[..end.unwrap_or(line.len())])));
        };
        let Some((value, after)) = unquote(quoted) else {
            return Some(None);
        };
        rest = memchr::memchr(b',', after).map(|comma| &after[comma + 1..]);
        Some(Some(value))
    })
}

/// Returns the text up to the closing quote, where two quotes stand for one,
/// and what follows it.
fn unquote(text: &[u8]) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let mut value = Cow::Borrowed(&text[..0]);
    let mut rest = text;
    loop {
        let quote = memchr::memchr(b'"', rest)?;
        let (part, after) = (&rest[..quote], &rest[quote + 1..]);
        if value.is_empty() && after.first() != Some(&b'"') {
            return Some((Cow::Borrowed(part), after));
        }
        value.to_mut().extend_from_slice(part);
        let Some(more) = after.strip_prefix(b"\"") else {
            return Some((value, after));
        };
        value.to_mut().push(b'"');
        rest = more;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv(key: &str) -> Csv {
        Csv::new(&Fields {
            key: key.parse().unwrap(),
            time: None,
            ipv6_prefix: 64,
        })
    }

    fn request(read: Read<'_>) -> (Tick, String, u32) {
        let Read::Request(request) = read else {
            panic!("{read:?}")
        };
        let key = String::from_utf8(request.key.into_owned()).unwrap();
        (request.at, key, request.cost)
    }

    use sluicegate::clock::Tick;

    #[test]
    fn columns_without_names_are_time_key_and_cost() {
        let mut csv = csv("ip");
        let read = |csv: &mut Csv, line| request(csv.read(line).unwrap());
        assert_eq!(read(&mut csv, b"5,a"), (5_000_000, "a".into(), 1));
        assert_eq!(read(&mut csv, b"5,a,7"), (5_000_000, "a".into(), 7));
        assert_eq!(
            read(&mut csv, b"5,\"a,\"\"b\"\"\","),
            (5_000_000, "a,\"b\"".into(), 1)
        );
        assert_eq!(csv.read(b"5,a,-1"), Err(Unreadable::Cost));
        assert_eq!(csv.read(b"5"), Err(Unreadable::NoColumn));
        assert_eq!(csv.read(b"x,a"), Err(Unreadable::Time));
        assert_eq!(csv.read(b"5,\"a"), Err(Unreadable::Quotes));
    }

    #[test]
    fn the_first_line_may_name_columns_in_any_order() {
        let mut csv = csv("field:tenant");
        assert_eq!(csv.read(b"cost, other, Tenant, time"), Ok(Read::Header));
        let read = csv.read(b"3,x,acme,2000-10-10T20:55:36Z").unwrap();
        assert_eq!(request(read), (971_211_336_000_000, "acme".into(), 3));
        assert_eq!(csv.read(b"3,x,,2000-10-10T20:55:36Z"), Ok(Read::NoKey));
    }

    #[test]
    fn names_without_the_key_are_an_error() {
        assert_eq!(
            csv("field:tenant").read(b"time,ip"),
            Err(Unreadable::NoColumn)
        );
    }
}
