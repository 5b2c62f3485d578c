//! The four levels, and the header that carries them.

use std::{fmt, str::FromStr};

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::error::InvalidSetting;

/// The header with the level of a request, also in gRPC metadata.
pub const HEADER: HeaderName = HeaderName::from_static("x-criticality");

/// How important a request is. A more important level is greater.
///
/// ```
/// use sluicegate::criticality::Criticality;
///
/// assert!(Criticality::Sheddable < Criticality::SheddablePlus);
/// assert!(Criticality::SheddablePlus < Criticality::Critical);
/// assert!(Criticality::Critical < Criticality::CriticalPlus);
/// assert_eq!("SHEDDABLE_PLUS".parse(), Ok(Criticality::SheddablePlus));
/// assert_eq!(Criticality::default().to_string(), "critical");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Criticality {
    /// May be unavailable often, such as a batch job that tries again later.
    Sheddable,
    /// May be unavailable in part, such as most batch jobs.
    SheddablePlus,
    /// Its failure is seen by users; the level of a request that has none.
    #[default]
    Critical,
    /// Its failure is seen by users and is severe.
    CriticalPlus,
}

impl Criticality {
    /// All levels, the least important first.
    pub const ALL: [Self; 4] = [
        Self::Sheddable,
        Self::SheddablePlus,
        Self::Critical,
        Self::CriticalPlus,
    ];

    /// Returns the value in the [header](HEADER), which is also that of the
    /// label `criticality` in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sheddable => "sheddable",
            Self::SheddablePlus => "sheddable-plus",
            Self::Critical => "critical",
            Self::CriticalPlus => "critical-plus",
        }
    }

    /// Returns the less important of two levels: that of a call for a request,
    /// or that of a request from a caller who may not raise it.
    #[must_use]
    pub fn lowered_to(self, most: Self) -> Self {
        self.min(most)
    }

    /// Reads the level of a request; `None` if it has none that can be read. Of
    /// several, the least important counts.
    pub fn read(headers: &HeaderMap) -> Option<Self> {
        Self::read_from(headers, &HEADER)
    }

    /// Reads the level from a header of another name.
    pub(crate) fn read_from(headers: &HeaderMap, name: &HeaderName) -> Option<Self> {
        let values = headers.get_all(name).iter();
        let texts = values.filter_map(|value| value.to_str().ok());
        let levels = texts.flat_map(|text| text.split(','));
        levels.filter_map(|text| text.parse().ok()).min()
    }

    /// Writes the level of a request, in place of any that is there.
    pub fn write(self, headers: &mut HeaderMap) {
        headers.insert(HEADER, self.into());
    }
}

impl fmt::Display for Criticality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Criticality> for HeaderValue {
    fn from(level: Criticality) -> Self {
        Self::from_static(level.as_str())
    }
}

/// Reads the form of the header, in any case, with `-` or `_`.
impl FromStr for Criticality {
    type Err = InvalidSetting;

    fn from_str(text: &str) -> Result<Self, InvalidSetting> {
        let name = text.trim().replace('_', "-");
        let found = Self::ALL
            .into_iter()
            .find(|it| name.eq_ignore_ascii_case(it.as_str()));
        let allowed = "critical-plus, critical, sheddable-plus or sheddable";
        found.ok_or_else(|| InvalidSetting::text("criticality", text, allowed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_read_as_it_is_written() {
        for level in Criticality::ALL {
            let mut headers = HeaderMap::new();
            level.write(&mut headers);
            assert_eq!(Criticality::read(&headers), Some(level));
        }
    }

    #[test]
    fn the_least_important_of_several_levels_counts() {
        let mut headers = HeaderMap::new();
        for value in ["critical-plus", "CRITICAL, sheddable_plus", "urgent"] {
            headers.append(HEADER, HeaderValue::from_static(value));
        }
        assert_eq!(
            Criticality::read(&headers),
            Some(Criticality::SheddablePlus)
        );
    }

    #[test]
    fn a_level_that_is_unknown_is_not_read() {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, HeaderValue::from_static("urgent"));
        assert_eq!(Criticality::read(&headers), None);
        assert_eq!(
            "urgent".parse::<Criticality>().unwrap_err().to_string(),
            "invalid criticality \"urgent\": must be critical-plus, critical, sheddable-plus or sheddable",
        );
    }
}
