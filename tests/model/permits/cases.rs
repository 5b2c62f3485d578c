//! The cases of the search.

use super::{
    client::{LENGTH, source},
    moves::Plan,
    world::Fleet,
};
use crate::{
    cases::{Edit, Form},
    plan::instants,
    search::{Report, search},
};

/// A search under a name.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    plan: Plan,
}

impl Case {
    /// Searches it all, or until a law is broken if `once`.
    pub(crate) fn run(&self, edit: Edit<'_>, once: bool) -> Report {
        search(&mut Fleet::new(self.plan.clone(), edit(source())), once)
    }
}

/// Halves of a length, and the last instant before each end.
fn plan(form: Form, bounded: u64, long: u64) -> Plan {
    Plan {
        instants: instants(LENGTH / 2, form.of(bounded, long) * LENGTH / 2, LENGTH),
        limits: [2, 2],
        wants: vec![0, 2],
        calls: 1,
        events: 1,
        ..Plan::default()
    }
}

pub(crate) fn cases(form: Form) -> Vec<Case> {
    let case = |name, plan| Case { name, plan };
    vec![
        case(
            "crashes",
            Plan {
                crashes: true,
                wants: form.of(vec![0, 2], vec![0, 1, 3]),
                limits: form.of([2, 2], [3, 3]),
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
                calls: form.of(1, 2),
                ..plan(form, 3, 4)
            },
        ),
        case(
            "a step back",
            Plan {
                step_back: Some(10 * LENGTH),
                ..plan(form, 3, 5)
            },
        ),
        case(
            "another limit",
            Plan {
                limits: [3, 1],
                wants: vec![0, 1, 3],
                losses: true,
                ..plan(form, 3, 5)
            },
        ),
    ]
}
