//! Base image → descriptor.
