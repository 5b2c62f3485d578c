//! The names of the rules, on the command line and in results.

use std::{fmt, str::FromStr};

use serde::Serialize;

/// A rule of `sluicegate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleName {
    /// A bucket of tokens: a burst, then a steady rate.
    TokenBucket,
    /// A leaky bucket in which requests wait.
    LeakyQueue,
    /// A leaky bucket that refuses what would overflow it.
    LeakyMeter,
    /// A counter over about any window.
    SlidingWindow,
    /// An exact log of the window.
    SlidingLog,
    /// A counter that starts anew in each window.
    FixedWindow,
}

impl RuleName {
    /// All rules.
    pub const ALL: [Self; 6] = [
        Self::TokenBucket,
        Self::LeakyQueue,
        Self::LeakyMeter,
        Self::SlidingWindow,
        Self::SlidingLog,
        Self::FixedWindow,
    ];

    /// Returns the name, such as `token-bucket`.
    pub fn name(self) -> &'static str {
        match self {
            Self::TokenBucket => "token-bucket",
            Self::LeakyQueue => "leaky-queue",
            Self::LeakyMeter => "leaky-meter",
            Self::SlidingWindow => "sliding-window",
            Self::SlidingLog => "sliding-log",
            Self::FixedWindow => "fixed-window",
        }
    }

    /// Whether the rule goes by the burst of a quota. The windows ignore it.
    pub fn has_burst(self) -> bool {
        matches!(
            self,
            Self::TokenBucket | Self::LeakyQueue | Self::LeakyMeter
        )
    }
}

impl fmt::Display for RuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for RuleName {
    type Err = String;

    /// Reads a name, with dashes or underscores.
    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.replace('_', "-");
        let found = Self::ALL.into_iter().find(|rule| rule.name() == name);
        found.ok_or_else(|| format!("must be {}", Self::ALL.map(Self::name).join(", ")))
    }
}
