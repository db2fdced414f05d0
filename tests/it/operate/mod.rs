//! What an operator sees, and what keeps the service within its bounds.

mod backup;
mod cancel;
mod exposition;
mod load;
mod logs;
mod meanwhile;
mod metrics;
mod retention;
mod soak;
mod watchdog;
