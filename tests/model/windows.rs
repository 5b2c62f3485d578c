//! The searches of leased windows.

use std::time::Duration;

use sluicegate::limit::{FixedWindow, Quota, Scripted, SlidingWindow};

use crate::{
    cases::{Case, Form, SIZE, greedy},
    law::WindowLaw,
    plan::{Plan, SECOND, instants},
};

/// Windows of a second, with a limit of six.
fn windows_of<R: Scripted + 'static>(
    names: [&'static str; 5],
    rule: impl Fn(Quota) -> R,
    slides: bool,
    form: Form,
) -> Vec<Case> {
    let law = move || WindowLaw {
        limit: SIZE,
        widths: vec![SECOND, SECOND / 4],
        slides,
    };
    let wide = Quota::per_second(SIZE);
    let narrow = Quota::new(SIZE, Duration::from_millis(250)).unwrap();
    let one = |name, plan| Case::new(name, plan, law, vec![rule(wide)]);
    let eighths = instants(SECOND / 8, form.of(4, 10) * SECOND / 8, SECOND);
    vec![
        one(
            names[0],
            Plan {
                crashes: true,
                losses: form.0,
                ..greedy(form.checks(), form.quarters(8, 12))
            },
        ),
        one(
            names[1],
            Plan {
                credits: vec![2],
                resets: true,
                delays: true,
                events: form.of(1, 2),
                ..greedy(form.checks(), form.quarters(5, 6))
            },
        ),
        one(
            names[2],
            Plan {
                steps_back: vec![SECOND / 2],
                resets: true,
                ..greedy(form.checks(), form.quarters(5, 6))
            },
        ),
        one(
            names[3],
            Plan {
                charges: vec![2],
                ..greedy(form.checks(), form.quarters(5, 9))
            },
        ),
        Case::new(
            names[4],
            greedy(form.of(vec![3], vec![2, SIZE]), eighths),
            law,
            vec![rule(wide), rule(narrow)],
        ),
    ]
}

pub(crate) fn windows(form: Form) -> Vec<Case> {
    let mut cases = windows_of(
        [
            "fixed: crashes",
            "fixed: resets and delays",
            "fixed: steps back",
            "fixed: undone charges",
            "fixed: another width",
        ],
        FixedWindow::new,
        false,
        form,
    );
    cases.extend(windows_of(
        [
            "sliding: crashes",
            "sliding: resets and delays",
            "sliding: steps back",
            "sliding: undone charges",
            "sliding: another width",
        ],
        SlidingWindow::new,
        true,
        form,
    ));
    cases
}
