//! A verdict as a page, a story and JSON.
//!
//! A [`RunSummary`] goes in; [`text`] tells it in a terminal, [`json`] tells it to machines, and
//! [`page`] shows it in a browser. A [`Sweep`] sums many runs up.

mod explain;
mod json;
mod kinds;
mod page;
mod run;
mod story;
mod sweep;
mod sweep_page;
mod timeline;
mod traffic;

pub use explain::{Event, Explanation, LINES_MAX, Outlook, Prospect, events};
pub use json::json;
pub use kinds::FailureKind;
pub use page::page;
pub use run::{End, RunSummary};
pub use story::text;
pub use sweep::{SeedResult, Sweep};
pub use sweep_page::sweep_page;
pub use traffic::{Traffic, seconds};

#[cfg(test)]
mod tests;
