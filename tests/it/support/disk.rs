//! A file system of a few megabytes, so that a full disk is a real one. Needs root.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

const FILLER: &str = "filler";

/// A mounted file system; dropping it takes it away.
pub struct SmallDisk {
    place: PathBuf,
}

impl SmallDisk {
    /// Mounts one of this size over a directory.
    pub fn mount(place: &Path, bytes: u64) -> Self {
        std::fs::create_dir_all(place).unwrap();
        let options = format!("size={bytes},mode=0755");
        let status = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "fastbuild-test"]).arg(place).status();
        assert!(status.unwrap().success(), "root can mount a tmpfs");
        Self { place: place.to_owned() }
    }

    /// Fills it to the last byte.
    pub fn fill(&self) {
        let mut file = std::fs::File::options().create(true).append(true).open(self.place.join(FILLER)).unwrap();
        for size in [1 << 16, 1 << 10, 1] {
            let piece = vec![0_u8; size];
            while file.write_all(&piece).is_ok() {}
        }
    }

    /// Makes room again.
    pub fn make_room(&self) {
        std::fs::remove_file(self.place.join(FILLER)).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.place).status();
    }
}
