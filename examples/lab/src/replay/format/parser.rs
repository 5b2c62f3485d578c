//! One reader for all formats.

use super::{
    access_log::AccessLog,
    csv::Csv,
    fields::Fields,
    format::Format,
    json::Json,
    read::{Read, Unreadable},
};

/// Reads the lines of a file.
#[derive(Debug)]
pub(crate) enum Parser {
    Log(AccessLog),
    Json(Json),
    Csv(Csv),
}

impl Parser {
    /// A reader of a format.
    ///
    /// # Errors
    ///
    /// If no line of this format has the key.
    pub(crate) fn new(format: Format, fields: &Fields) -> Result<Self, String> {
        Ok(match format {
            Format::Log => Self::Log(AccessLog::new(fields)?),
            Format::Json => Self::Json(Json::new(fields)),
            Format::Csv => Self::Csv(Csv::new(fields)),
        })
    }

    /// Reads a line, which is without its line break.
    #[inline]
    pub(crate) fn read<'a>(&mut self, line: &'a [u8]) -> Result<Read<'a>, Unreadable> {
        match self {
            Self::Log(log) => log.read(line),
            Self::Json(json) => json.read(line),
            Self::Csv(csv) => csv.read(line),
        }
    }
}
