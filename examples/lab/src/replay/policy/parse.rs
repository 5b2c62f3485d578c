//! Reads policies from flags: `'100/1m burst 200'` for the rules of `--rule`, or
//! `'fixed-window 100/1m'` for one of its own.

use std::str::FromStr;

use super::{policy::Policy, rule_name::RuleName};
use crate::replay::error::ReplayError;

/// A value of `--rule`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RuleChoice {
    All,
    One(RuleName),
}

impl RuleChoice {
    /// Returns the rules that were chosen, each once.
    pub(crate) fn rules(choices: &[Self]) -> Vec<RuleName> {
        let is_chosen = |rule: &RuleName| {
            choices.iter().any(|choice| match choice {
                Self::All => true,
                Self::One(chosen) => chosen == rule,
            })
        };
        RuleName::ALL.into_iter().filter(is_chosen).collect()
    }
}

impl FromStr for RuleChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            _ => text
                .parse()
                .map(Self::One)
                .map_err(|error: String| format!("{error}, or all")),
        }
    }
}

/// Reads a policy. One that names no rule is a policy of each of `rules`.
///
/// # Errors
///
/// If the quota cannot be read, or one of the rules cannot keep it.
pub(crate) fn read_policy(text: &str, rules: &[RuleName]) -> Result<Vec<Policy>, ReplayError> {
    let invalid = |reason: String| ReplayError::Policy(text.to_owned(), reason);
    let trimmed = text.trim();
    let (name, rest) = trimmed
        .split_once(char::is_whitespace)
        .unwrap_or((trimmed, ""));
    let (rules, quota) = match name.parse() {
        Ok(rule) => (vec![rule], rest),
        Err(error) if name.starts_with(char::is_alphabetic) => return Err(invalid(error)),
        Err(_) => (rules.to_vec(), trimmed),
    };
    let quota = quota
        .trim()
        .parse()
        .map_err(|error| invalid(format!("{error}")))?;
    Ok(rules
        .into_iter()
        .map(|rule| Policy::new(rule, quota))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_for_the_chosen_rules_or_its_own() {
        let rules = RuleChoice::rules(&[
            RuleChoice::One(RuleName::SlidingLog),
            RuleChoice::One(RuleName::TokenBucket),
        ]);
        let texts = |text| {
            let policies = read_policy(text, &rules).unwrap();
            policies.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(
            texts("3/s burst 5"),
            ["token-bucket 3/1s burst 5", "sliding-log 3/1s"]
        );
        assert_eq!(
            texts(" fixed_window  100 per minute"),
            ["fixed-window 100/1m"]
        );
        assert_eq!(RuleChoice::rules(&["all".parse().unwrap()]), RuleName::ALL);
    }

    #[test]
    fn errors_name_the_text_and_the_part() {
        let error = |text| {
            read_policy(text, &[RuleName::TokenBucket])
                .unwrap_err()
                .to_string()
        };
        assert!(
            error("bucket 3/s").starts_with("invalid limit \"bucket 3/s\": must be token-bucket, ")
        );
        assert!(error("0/s").contains("invalid quota amount 0"));
    }
}
