//! The sections of the page, each with its plots and the sentences under them.

mod admissions;
mod choice;
mod controls;
mod cost;
mod excess;
mod fairness;
mod figure;
mod rules;
mod smoothness;
mod table;
mod waiting;

pub(super) use self::{
    admissions::{admissions, note, sentence},
    choice::choice,
    controls::controls,
    cost::cost,
    excess::{bars, excess, most},
    fairness::fairness,
    rules::rules,
    smoothness::{evenness, smoothness},
    waiting::waiting,
};
