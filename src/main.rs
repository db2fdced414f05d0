//! The command line of FastBuild.

fn main() {}
