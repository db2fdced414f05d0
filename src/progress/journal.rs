//! The file of a task's events: a JSON document a line, the line's number being the event's.

use std::io;
use std::path::{Path, PathBuf};

use tokio::fs::File;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, BufReader};

/// Name of the file in a task's directory.
pub(super) const FILE_NAME: &str = "events.jsonl";

/// A line of a file and its number, 1 for the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbered {
    /// The line's number.
    pub number: u64,
    /// The line without its end.
    pub line: String,
}

/// Reads a growing file of lines and remembers how far it came. A line without its end is left for the next time.
pub struct JournalReader {
    path: PathBuf,
    file: Option<BufReader<File>>,
    next_number: u64,
    after: u64,
}

impl JournalReader {
    /// Reads the events in a task's directory that follow number `after`.
    pub fn of_events(directory: &Path, after: u64) -> Self {
        Self::of_file(directory.join(FILE_NAME), after)
    }

    /// Reads the lines of a file that follow number `after`. A file that is not there yet is empty.
    pub fn of_file(path: PathBuf, after: u64) -> Self {
        Self { path, file: None, next_number: 1, after }
    }

    /// Leaves out what up to number `after` is known from elsewhere.
    pub fn skip_to(&mut self, after: u64) {
        self.after = self.after.max(after);
    }

    /// At most `limit` further whole lines; fewer when there are no more for now.
    pub async fn read(&mut self, limit: usize) -> io::Result<Vec<Numbered>> {
        let mut lines = Vec::new();
        if self.file.is_none() {
            match File::open(&self.path).await {
                Ok(file) => self.file = Some(BufReader::new(file)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(lines),
                Err(error) => return Err(error),
            }
        }
        let Some(file) = self.file.as_mut() else { return Ok(lines) };
        let mut buffer = Vec::new();
        while lines.len() < limit {
            buffer.clear();
            let read = file.read_until(b'\n', &mut buffer).await?;
            if buffer.last() != Some(&b'\n') {
                // Half a line: read it again once it is whole.
                file.seek(io::SeekFrom::Current(-i64::try_from(read).unwrap_or(0))).await?;
                break;
            }
            buffer.pop();
            if self.next_number > self.after {
                lines.push(Numbered { number: self.next_number, line: String::from_utf8_lossy(&buffer).into_owned() });
            }
            self.next_number += 1;
        }
        Ok(lines)
    }
}

/// How many whole lines a file has, and whether its last line lacks its end.
pub(super) async fn count_lines(path: &Path) -> io::Result<(u64, bool)> {
    let mut file = match File::open(path).await {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((0, false)),
        Err(error) => return Err(error),
    };
    let mut buffer = vec![0; 64 << 10];
    let (mut lines, mut last) = (0, b'\n');
    loop {
        let read = file.read(&mut buffer).await?;
        let Some(&end) = buffer[..read].last() else { return Ok((lines, last != b'\n')) };
        lines += buffer[..read].split(|byte| *byte == b'\n').count() as u64 - 1;
        last = end;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[tokio::test]
    async fn a_reader_takes_whole_lines_and_comes_back_for_the_rest() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        let mut reader = JournalReader::of_file(path.clone(), 1);
        assert_eq!(reader.read(10).await.unwrap(), []);
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all(b"one\ntwo\nthr").unwrap();
        let numbered = |number, line: &str| Numbered { number, line: line.to_owned() };
        assert_eq!(reader.read(10).await.unwrap(), [numbered(2, "two")]);
        assert_eq!(count_lines(&path).await.unwrap(), (2, true));
        file.write_all(b"ee\nfour\n").unwrap();
        assert_eq!(reader.read(1).await.unwrap(), [numbered(3, "three")]);
        assert_eq!(reader.read(10).await.unwrap(), [numbered(4, "four")]);
    }
}
