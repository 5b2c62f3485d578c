//! A quota in configurations that serde reads and writes, as its text.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Visitor},
};

use super::quota::Quota;

/// Writes the text of the quota, such as `"100/1m burst 200"`.
#[cfg_attr(docsrs, doc(cfg(feature = "serde")))]
impl Serialize for Quota {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reads the [text](Quota#as-text) of a quota.
#[cfg_attr(docsrs, doc(cfg(feature = "serde")))]
impl<'de> Deserialize<'de> for Quota {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text)
    }
}

/// Reads a quota from borrowed or owned text alike.
struct Text;

impl Visitor<'_> for Text {
    type Value = Quota;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a quota as text, such as \"100/1m burst 200\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Quota, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_reads_and_writes_the_text() {
        let quota = Quota::per_minute(100).burst(200);
        let json = serde_json::to_string(&quota).unwrap();
        assert_eq!(json, "\"100/1m burst 200\"");
        assert_eq!(serde_json::from_str::<Quota>(&json).unwrap(), quota);
    }

    #[test]
    fn an_error_is_that_of_the_text_or_says_what_a_quota_is() {
        let read = |json| serde_json::from_str::<Quota>(json).unwrap_err().to_string();
        assert!(read("\"0/s\"").contains("invalid quota amount 0"));
        assert!(read("5").contains("expected a quota as text"));
    }
}
