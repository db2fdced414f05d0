//! The main job, end to end: request, build, push, run, callback.

mod bases;
