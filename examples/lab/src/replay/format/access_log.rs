//! Reads lines of access logs: common and combined format of nginx and Apache,
//! and nginx's `main`.

use std::borrow::Cow;

use super::{
    clf::LogLine,
    fields::Fields,
    key::{KeyReader, KeySpec},
    read::{Read, Request, Unreadable},
    time::TimeReader,
};

/// A part of an access log that can be a key.
#[derive(Clone, Copy, Debug)]
enum Part {
    Host,
    User,
    Status,
    Size,
    Request,
    Method,
    Target,
    Quoted(usize),
}

/// The names of the parts in the configurations of nginx and Apache.
const PARTS: [(&str, Part); 16] = [
    ("ip", Part::Host),
    ("host", Part::Host),
    ("remote_addr", Part::Host),
    ("user", Part::User),
    ("remote_user", Part::User),
    ("status", Part::Status),
    ("bytes", Part::Size),
    ("body_bytes_sent", Part::Size),
    ("request", Part::Request),
    ("method", Part::Method),
    ("request_method", Part::Method),
    ("uri", Part::Target),
    ("request_uri", Part::Target),
    ("http_referer", Part::Quoted(0)),
    ("http_user_agent", Part::Quoted(1)),
    ("http_x_forwarded_for", Part::Quoted(2)),
];

/// Reads access logs.
#[derive(Debug)]
pub(crate) struct AccessLog {
    keys: KeyReader,
    part: Part,
    times: TimeReader,
}

impl AccessLog {
    /// A reader of the key's part.
    ///
    /// # Errors
    ///
    /// If access logs have no part of that name.
    pub(super) fn new(fields: &Fields) -> Result<Self, String> {
        let part = part(&fields.key)?;
        Ok(Self {
            keys: KeyReader::new(fields),
            part,
            times: TimeReader::default(),
        })
    }

    /// Reads a line.
    #[inline]
    pub(super) fn read<'a>(&mut self, line: &'a [u8]) -> Result<Read<'a>, Unreadable> {
        let line = LogLine::split(line)?;
        let at = self.times.read(line.time).ok_or(Unreadable::Time)?;
        let value = Cow::Borrowed(self.part.of(&line));
        Ok(match self.keys.read(value) {
            Some(key) => Read::Request(Request { at, key, cost: 1 }),
            None => Read::NoKey,
        })
    }
}

impl Part {
    fn of<'a>(self, line: &LogLine<'a>) -> &'a [u8] {
        match self {
            Self::Host => line.host(),
            Self::User => line.user(),
            Self::Status => line.status(),
            Self::Size => line.size(),
            Self::Request => line.request,
            Self::Method => line.method(),
            Self::Target => line.target(),
            Self::Quoted(index) => line.quoted(index).unwrap_or_default(),
        }
    }
}

/// Returns the part that holds the key.
fn part(key: &KeySpec) -> Result<Part, String> {
    let name = match key {
        KeySpec::Ip => "ip".to_owned(),
        KeySpec::Path => "uri".to_owned(),
        KeySpec::Header(name) => format!("http_{}", name.replace('-', "_")),
        KeySpec::Field(name) => name.to_ascii_lowercase(),
    };
    let found = PARTS.iter().find(|(known, _)| *known == name);
    found.map(|(_, part)| *part).ok_or_else(|| match key {
        KeySpec::Header(_) => {
            "access logs have the headers referer, user-agent and x-forwarded-for".to_owned()
        }
        _ => format!(
            "access logs have the fields {}",
            PARTS.map(|(name, _)| name).join(", ")
        ),
    })
}
