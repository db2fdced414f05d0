//! Whole recipes as snapshots, and a property over hostile ones.

mod fixture;
mod snapshots;
