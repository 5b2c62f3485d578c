//! The cases of the search: a rule, the events, and the law that must hold.

use std::env;

use sluicegate::{
    clock::Tick,
    limit::{Cost, Scripted},
};

use crate::{
    fleet::Fleet,
    law::Law,
    plan::{Plan, SECOND, instants},
    script_client::sources,
    search::{Report, search},
};

/// The tokens of a bucket, and the limit of a window.
pub(crate) const SIZE: Cost = 6;

/// Changes the source of a script.
pub(crate) type Edit<'a> = &'a dyn Fn(String) -> String;

/// A search under a name.
pub(crate) struct Case {
    pub(crate) name: String,
    run: Box<dyn Fn(Edit<'_>, bool) -> Report>,
}

impl Case {
    pub(crate) fn new<R, L>(
        name: &'static str,
        plan: Plan,
        law: impl Fn() -> L + 'static,
        rules: Vec<R>,
    ) -> Self
    where
        R: Scripted + 'static,
        L: Law + 'static,
    {
        Self::of(name.into(), move |edit, once| {
            let sources: Vec<_> = sources::<R>().into_iter().map(edit).collect();
            let mut fleet = Fleet::new(plan.clone(), law(), rules.clone(), &sources);
            search(&mut fleet, once)
        })
    }

    /// `run` is told how to change the source, and whether to end with the first
    /// broken law.
    pub(crate) fn of(name: String, run: impl Fn(Edit<'_>, bool) -> Report + 'static) -> Self {
        let run = Box::new(run);
        Self { name, run }
    }

    /// Searches it all, and finds no step that breaks a law.
    pub(crate) fn holds(&self) {
        let report = self.run(&|source| source, false);
        let name = &self.name;
        println!("{name}: {} states, {} steps", report.states, report.steps);
        if let Some(first) = report.first {
            let broken = report.broken;
            panic!("{name}: {broken} steps break the law, the first by\n{first}");
        }
    }

    /// Searches it all, or until a law is broken if `once`.
    pub(crate) fn run(&self, edit: Edit<'_>, once: bool) -> Report {
        (self.run)(edit, once)
    }
}

/// Quarters of a second, and the ends of terms.
fn quarters(until: Tick) -> Vec<Tick> {
    instants(SECOND / 4, until * SECOND / 4, SECOND)
}

/// Each request for a share gets half of the rest.
pub(crate) fn greedy(checks: Vec<Cost>, instants: Vec<Tick>) -> Plan {
    Plan {
        instants,
        checks,
        wants: vec![SIZE],
        events: 1,
        ..Plan::default()
    }
}

/// The long form has more moves, more events, and more time.
#[derive(Clone, Copy)]
pub(crate) struct Form(pub(crate) bool);

impl Form {
    pub(crate) fn of<T>(&self, bounded: T, long: T) -> T {
        if self.0 { long } else { bounded }
    }

    /// So many quarters of a second.
    pub(crate) fn quarters(&self, bounded: Tick, long: Tick) -> Vec<Tick> {
        quarters(self.of(bounded, long))
    }

    pub(crate) fn checks(&self) -> Vec<Cost> {
        self.of(vec![SIZE], vec![1, SIZE])
    }
}

/// The form that the environment asks for.
pub(crate) fn form() -> Form {
    Form(env::var("SLUICEGATE_MODEL").is_ok_and(|form| form == "long"))
}
