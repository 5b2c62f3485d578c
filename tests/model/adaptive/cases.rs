//! The cases of the search.

use super::{
    client::{LIFE, source},
    moves::Plan,
    world::Fleet,
};
use crate::{
    cases::{Case, Form},
    plan::{SECOND, instants},
    search::search,
};

/// Seconds, and the last instant before each life has passed.
fn plan(form: Form, bounded: u64, long: u64) -> Plan {
    Plan {
        instants: instants(SECOND, form.of(bounded, long) * SECOND, LIFE),
        instances: 2,
        max: 4,
        wants: form.of(vec![1, 4], vec![1, 3, 9]),
        events: 1,
        ..Plan::default()
    }
}

pub(super) fn cases(form: Form) -> Vec<Case> {
    let case = |name: &str, plan: Plan| {
        Case::of(name.into(), move |edit, once| {
            search(&mut Fleet::new(plan.clone(), edit(source())), once)
        })
    };
    vec![
        case(
            "crashes",
            Plan {
                crashes: true,
                ..plan(form, 3, 5)
            },
        ),
        case(
            "losses",
            Plan {
                losses: true,
                events: form.of(1, 2),
                ..plan(form, 3, 5)
            },
        ),
        case(
            "late and repeated calls",
            Plan {
                delays: true,
                ..plan(form, 3, 5)
            },
        ),
        case(
            "lost data",
            Plan {
                flushes: true,
                ..plan(form, 3, 5)
            },
        ),
        case(
            "old sums",
            Plan {
                max_age: SECOND + 1,
                losses: true,
                ..plan(form, 3, 5)
            },
        ),
        case(
            "a step back",
            Plan {
                step_back: Some(SECOND),
                ..plan(form, 3, 5)
            },
        ),
        case(
            "a far step back",
            Plan {
                step_back: Some(1_000 * SECOND),
                ..plan(form, 3, 5)
            },
        ),
        case(
            "three instances",
            Plan {
                instances: 3,
                wants: vec![4],
                losses: true,
                max: 5,
                ..plan(form, 2, 4)
            },
        ),
    ]
}
