//! Whole recipes as snapshots, refusals, and a property over hostile ones.

mod chains;
mod contexts;
mod fixture;
mod property;
mod refusals;
mod snapshots;
mod uv;
