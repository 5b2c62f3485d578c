//! How equally clients are treated.

use maud::{Markup, html};

use super::{figure::Figure, table::Table};
use crate::{
    report::{
        draw::{Dumbbell, Dumbbells, Scale},
        number::index,
        view::View,
    },
    results::Traffic,
};

/// The indexes of all rules with one traffic.
#[derive(Clone, Copy, Debug)]
struct Fairness<'a> {
    traffic: &'a Traffic,
    least: f64,
    most: f64,
}

/// Returns the card; nothing if no traffic has several clients.
pub(in crate::report) fn fairness(view: View<'_>) -> Markup {
    let all = by_traffic(view);
    html! { @if !all.is_empty() { (card(view, &all)) } }
}

fn card(view: View<'_>, all: &[Fairness<'_>]) -> Markup {
    Figure {
        title: "Fairness between clients",
        about: html! { "By traffic, if it has several clients. Jain's index: 1 if each client got the same share of
            what the limit entitles it to, and 1/n if one of n clients got everything. Circle: the least fair rule.
            Diamond: the fairest." },
        plot: dumbbells(all).svg(view.moving),
        sentence: view.moving.text(sentence(all)),
        table: Some(table(all).markup(view.moving)),
    }
    .card()
}

fn by_traffic(view: View<'_>) -> Vec<Fairness<'_>> {
    let traffic = view.results.traffic.iter().enumerate();
    let several = traffic.filter(|(_, traffic)| traffic.clients > 1);
    several
        .map(|(place, traffic)| {
            let indexes = || {
                view.of_traffic(place)
                    .into_iter()
                    .map(|outcome| outcome.figures.fairness)
            };
            Fairness {
                traffic,
                least: indexes().fold(1.0, f64::min),
                most: indexes().fold(0.0, f64::max),
            }
        })
        .collect()
}

fn dumbbells(all: &[Fairness<'_>]) -> Dumbbells {
    let row = |fairness: &Fairness<'_>| Dumbbell {
        name: fairness.traffic.title.clone(),
        low: fairness.least,
        high: fairness.most,
        text: range(fairness),
    };
    Dumbbells {
        rows: all.iter().map(row).collect(),
        scale: Scale::Linear(1.0),
    }
}

fn range(fairness: &Fairness<'_>) -> String {
    let [least, most] = [fairness.least, fairness.most].map(|value| index(Some(value)));
    if least == most {
        most
    } else {
        format!("{least} – {most}")
    }
}

fn sentence(all: &[Fairness<'_>]) -> String {
    let apart = all
        .iter()
        .map(|fairness| fairness.most - fairness.least)
        .fold(0.0, f64::max);
    let Some(worst) = all.iter().min_by(|a, b| a.least.total_cmp(&b.least)) else {
        return String::new();
    };
    let bucket = if worst.traffic.shared {
        "share one bucket"
    } else {
        "have a bucket each"
    };
    format!(
        "With one traffic, the rules differ by at most {}. The index is lowest, {}, with {}, whose clients \
         {bucket}.{}",
        index(Some(apart)),
        range(worst),
        worst.traffic.title,
        own_buckets(all),
    )
}

/// Says how fair it is if each client has a bucket.
fn own_buckets(all: &[Fairness<'_>]) -> String {
    let own = all.iter().filter(|fairness| !fairness.traffic.shared);
    let least = own.map(|fairness| fairness.least).reduce(f64::min);
    least.map_or_else(String::new, |least| {
        format!(
            " With a bucket for each client, it is at least {}.",
            index(Some(least))
        )
    })
}

fn table<'a>(all: &[Fairness<'_>]) -> Table<'a> {
    let bucket = |traffic: &Traffic| {
        if traffic.shared {
            "one for all"
        } else {
            "one each"
        }
    };
    let row = |fairness: &Fairness<'_>| {
        let [least, most] = [fairness.least, fairness.most].map(|value| index(Some(value)));
        (
            fairness.traffic.title.clone(),
            vec![least, most, bucket(fairness.traffic).into()],
        )
    };
    Table {
        caption: "Fairness between clients",
        columns: &["traffic", "least fair rule", "fairest rule", "buckets"],
        rows: all.iter().map(row).collect(),
    }
}
