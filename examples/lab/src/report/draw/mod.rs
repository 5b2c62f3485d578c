//! The drawing of plots, as SVG that the page and the README share.
//!
//! The elements have classes and no colours, which the backends of drawing
//! libraries write into them. So one picture follows the reader's light or dark
//! theme, and print.

mod bars;
mod coordinate;
mod dumbbells;
mod panel;
mod rows;
mod scale;
mod steps;
mod ticks;

pub(super) use self::{
    bars::{Bar, Bars, hatch},
    dumbbells::{Dumbbell, Dumbbells},
    panel::{PANEL_HEIGHT, PANEL_WIDTH, Panel, PanelAxes},
    rows::WIDTH as ROW_WIDTH,
    scale::Scale,
};
