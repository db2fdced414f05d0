//! The main job, end to end: request, build, push, run, callback.

mod awkward;
mod bases;
mod builders;
mod cancel;
mod conda;
mod contract;
mod events;
mod lifecycle;
mod mutual_tls;
mod names;
mod platform;
mod python_source;
mod sbom;
mod sbom_faults;
mod sources;
