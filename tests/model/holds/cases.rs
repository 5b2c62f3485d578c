//! The searches of holds.

use sluicegate::{
    clock::Tick,
    limit::{FixedWindow, LeakyBucket, Quota, Scripted, SlidingLog, SlidingWindow, TokenBucket},
};

use super::{client::scripts, plan::Plan, world::Holders};
use crate::{
    cases::{Case, Form, SIZE},
    plan::SECOND,
    search::search,
};

fn case<R: Scripted + 'static>(name: String, plan: Plan, rule: R, adds_up: bool) -> Case {
    Case::of(name, move |edit, once| {
        let mut sources = scripts::<R>().map(edit);
        if let Some(most) = plan.max_holds {
            let (from, to) = ("MAX_HOLDS = 64", format!("MAX_HOLDS = {most}"));
            sources = sources.map(|source| {
                assert_eq!(source.matches(from).count(), 1);
                source.replace(from, &to)
            });
        }
        let mut holders = Holders::new(plan.clone(), rule.clone(), adds_up, &sources);
        search(&mut holders, once)
    })
}

/// So many quarters of a second.
fn quarters(form: Form) -> Vec<Tick> {
    let quarters = form.of(vec![0, 1, 3, 5], (0..=5).collect());
    quarters.into_iter().map(|it| it * SECOND / 4).collect()
}

/// Holds of a part, which end in another quarter.
fn plan(form: Form) -> Plan {
    Plan {
        instants: quarters(form),
        term: SECOND / 2,
        estimates: vec![3],
        holds: form.of(2, 3),
        actuals: vec![0, 4],
        checks: vec![3],
        gives_back: form.of(vec![true], vec![true, false]),
        events: 1,
        ..Plan::default()
    }
}

fn plans(form: Form) -> Vec<(&'static str, Plan)> {
    vec![
        (
            "crashes",
            Plan {
                crashes: true,
                ..plan(form)
            },
        ),
        (
            "kept orphans",
            Plan {
                crashes: true,
                delays: true,
                gives_back: vec![false],
                ..plan(form)
            },
        ),
        (
            "late messages",
            Plan {
                delays: true,
                repeats: true,
                ..plan(form)
            },
        ),
        (
            "untracked holds",
            Plan {
                crashes: true,
                max_holds: Some(1),
                ..plan(form)
            },
        ),
        (
            "long silences",
            Plan {
                // Beyond the grace, and twice.
                instants: [0, 1, 2_421, 4_900].map(|it| it * SECOND / 4).to_vec(),
                delays: true,
                ..plan(form)
            },
        ),
        (
            "credits",
            Plan {
                credits: vec![2],
                ..plan(form)
            },
        ),
        (
            "resets",
            Plan {
                resets: true,
                ..plan(form)
            },
        ),
        (
            "charges that are taken back",
            Plan {
                charges: vec![3],
                estimates: form.of(vec![], vec![3]),
                holds: 3,
                credits: vec![2],
                resets: true,
                ..plan(form)
            },
        ),
        (
            "two resets",
            Plan {
                charges: vec![3],
                estimates: vec![],
                holds: 2,
                resets: true,
                events: 2,
                ..plan(form)
            },
        ),
        (
            "charges and holds",
            Plan {
                charges: vec![2],
                crashes: true,
                ..plan(form)
            },
        ),
        (
            "a step back",
            Plan {
                charges: form.of(vec![], vec![3]),
                steps_back: vec![SECOND],
                ..plan(form)
            },
        ),
        (
            "a far step back",
            Plan {
                charges: vec![3],
                estimates: form.of(vec![], vec![3]),
                holds: 2,
                steps_back: vec![10 * SECOND],
                // Until the clock is there again.
                instants: [0, 1, 5, 40, 41].map(|it| it * SECOND / 4).to_vec(),
                events: 0,
                ..plan(form)
            },
        ),
        (
            "together",
            Plan {
                together: true,
                crashes: true,
                charges: vec![2],
                resets: true,
                ..plan(form)
            },
        ),
    ]
}

/// Holds of a bucket of which a process leases shares. Over-use, and a settlement
/// after a lapse that gave back, would be debts that no share knows of.
fn leased(form: Form) -> Plan {
    Plan {
        leases: true,
        charges: vec![2],
        actuals: vec![0, 2],
        gives_back: vec![false],
        crashes: form.0,
        ..plan(form)
    }
}

/// `adds_up` if a charge can be taken back whatever came since.
fn of_rule<R: Scripted + 'static>(name: &str, rule: &R, adds_up: bool, form: Form) -> Vec<Case> {
    let named = |(what, plan)| case(format!("{name}: {what}"), plan, rule.clone(), adds_up);
    plans(form).into_iter().map(named).collect()
}

pub(crate) fn buckets(form: Form) -> Vec<Case> {
    let quota = Quota::per_second(4).burst(SIZE);
    let mut cases = of_rule("bucket", &TokenBucket::new(quota), false, form);
    let name = "bucket: leases".into();
    cases.push(case(name, leased(form), TokenBucket::new(quota), false));
    if form.0 {
        cases.extend(of_rule("meter", &LeakyBucket::meter(quota), false, form));
    }
    cases
}

pub(crate) fn windows(form: Form) -> Vec<Case> {
    let quota = Quota::per_second(SIZE);
    let mut cases = of_rule("fixed", &FixedWindow::new(quota), true, form);
    let name = "fixed: leases".into();
    cases.push(case(name, leased(form), FixedWindow::new(quota), true));
    cases.extend(of_rule("sliding", &SlidingWindow::new(quota), true, form));
    cases
}

pub(crate) fn logs(form: Form) -> Vec<Case> {
    of_rule("log", &SlidingLog::new(Quota::per_second(SIZE)), true, form)
}
