//! The report: `report.html`, and plots as SVG files.
//!
//! The page needs nothing but itself: it loads no script, style or font, and its
//! content security policy forbids it to. It is drawn once for each quota of the
//! grid; the first drawing is the page, and a small script puts the values of the
//! others in its place when a slider moves. The figures are those of `results.json`
//! and `measured.json`, written as [`number`] says.

mod axes;
mod cells;
mod draw;
mod moving;
pub mod number;
mod page;
mod phrase;
mod pictures;
mod section;
mod view;
mod write;

pub use self::{
    page::page,
    pictures::{Picture, pictures},
    write::write,
};
