//! The costs with the names of their rules.

use crate::{
    report::phrase,
    results::{InProcess, InRedis, Measured, Results, Rule},
};

/// The costs of one rule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost<'a> {
    pub(super) rule: &'a Rule,
    pub(super) in_process: InProcess,
    pub(super) in_redis: Option<InRedis>,
}

/// Returns the costs of the rules that were measured, in the order of the rules.
pub(super) fn costs<'a>(results: &'a Results, measured: &Measured) -> Vec<Cost<'a>> {
    let of = |id: &str| measured.rules.iter().find(|costs| costs.rule == id);
    let rules = results.rules.iter();
    rules
        .filter_map(|rule| {
            let costs = of(&rule.id)?;
            Some(Cost {
                rule,
                in_process: costs.in_process,
                in_redis: costs.in_redis,
            })
        })
        .collect()
}

/// Returns a sentence that says which rules need the least and the most. A value is
/// read as the plot beside the sentence writes it.
pub(super) fn ranking(
    costs: &[Cost<'_>],
    value: fn(&Cost<'_>) -> f64,
    text: fn(f64) -> String,
) -> String {
    let Some(ends) = phrase::ends(costs, value, |cost| text(value(cost))) else {
        let all = costs.first().map_or(0.0, value);
        return format!("Every rule needs {}.", text(all));
    };
    let titles = |costs: &[Cost<'_>]| {
        phrase::list(
            &costs
                .iter()
                .map(|cost| cost.rule.title.as_str())
                .collect::<Vec<_>>(),
        )
    };
    format!(
        "The least: {}, {}. The most: {}, {}.",
        titles(&ends.least),
        text(value(&ends.least[0])),
        titles(&ends.most),
        text(value(&ends.most[0])),
    )
}
