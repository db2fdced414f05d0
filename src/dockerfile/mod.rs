//! Dockerfiles as typed instructions, rendered in one place.
