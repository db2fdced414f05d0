//! Whose files are that we make.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::Path;

/// Gives a file that was just made to the owner of another one, if there is such a one: root works offline on files of a
/// service that runs as another user, and that user must be able to open what root leaves.
pub(crate) fn give_to_owner_of(file: &File, other: &Path) -> io::Result<()> {
    let owned = match fs::metadata(other) {
        Ok(owned) => owned,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if file.metadata()?.uid() == owned.uid() {
        return Ok(());
    }
    fchown(file, Some(owned.uid()), Some(owned.gid()))
}
