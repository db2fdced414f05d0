//! Mirrors and installers: the directories `source_dir` and `tools_dir` are the catalogue.
