//! The console: its pages as they are served, and as a browser shows them.

mod browser;
mod findings;
mod pages;
mod pictures;
mod site;
