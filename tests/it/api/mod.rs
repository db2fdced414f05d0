//! The HTTP edge over a real SQLite file and through real HTTP. A scripted engine stands in for the daemon where a real
//! one cannot be made to fail in the wanted way.

mod app;
mod browsers;
mod callback;
mod catalogue;
mod configuration;
mod configuration_refusals;
mod contract;
mod edge;
mod hostile;
mod lists;
mod openapi;
mod scripted_engine;
mod task_files;
mod validation;
mod voices;
