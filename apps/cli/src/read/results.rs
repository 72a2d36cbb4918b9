//! Where results go, and what an earlier run left there.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::{Context, Result};

use super::names;
use super::rows::Format;

/// Standard output, or a file whose rows are on the disk before more pictures are read.
pub struct Results {
    file: Option<File>,
    format: Format,
    done: Done,
    /// How many pictures could not be read in earlier runs.
    failed: usize,
}

/// How often a name was read: 32 bytes a name, which is kept as a key, for a file may hold millions.
type Done = HashMap<u128, u32>;

impl Results {
    /// Results on standard output.
    pub fn printed(format: Format) -> Result<Self> {
        if let Some(header) = format.header() {
            crate::print(&header)?;
        }
        Ok(Self { file: None, format, done: Done::new(), failed: 0 })
    }

    /// Results in a file, which goes on where an earlier run was broken off.
    ///
    /// Of that run's results a last line without its end is cut off, and in a table all last rows
    /// of one picture, for there may be some missing: that picture is read again.
    pub fn resumed(path: &Path, format: Format) -> Result<Self> {
        anyhow::ensure!(
            format != Format::Text,
            "--resume needs --format json, tsv or csv, where each row says what it is about"
        );
        let context = || format!("--resume {}", names::printed(path));
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = file.with_context(context)?;
        let earlier = Earlier::read(BufReader::new(&file), format).with_context(context)?;
        file.set_len(earlier.length)
            .and_then(|()| file.seek(SeekFrom::End(0)))
            .with_context(context)?;
        if earlier.length == 0
            && let Some(header) = format.header()
        {
            writeln!(file, "{header}").with_context(context)?;
        }
        Ok(Self { file: Some(file), format, done: earlier.done, failed: earlier.failed })
    }

    /// How many pictures could not be read in earlier runs.
    pub fn failed_earlier(&self) -> usize {
        self.failed
    }

    /// Whether an earlier run has read that file. A name that is listed twice is read twice, so each
    /// time is told but once.
    pub fn take_done(&mut self, name: &str) -> bool {
        if self.done.is_empty() {
            return false;
        }
        let times = self.done.get_mut(&key(&self.format.name_in_results(name)));
        let Some(times) = times.filter(|times| **times > 0) else { return false };
        *times -= 1;
        true
    }

    /// Writes lines; those in a file are on the disk when this returns.
    pub fn write(&mut self, lines: &str) -> io::Result<()> {
        match &mut self.file {
            Some(file) => file.write_all(lines.as_bytes()).and_then(|()| file.sync_data()),
            None => {
                let mut out = io::stdout().lock();
                out.write_all(lines.as_bytes()).and_then(|()| out.flush())
            }
        }
    }
}

/// What stands in the results of an earlier run.
struct Earlier {
    done: Done,
    failed: usize,
    /// Bytes that are kept.
    length: u64,
}

impl Earlier {
    fn read(mut file: impl BufRead, format: Format) -> Result<Self> {
        let mut earlier = Self { done: Done::new(), failed: 0, length: 0 };
        // The picture of the last rows of a table, which may not all be there.
        let mut last: Option<Rows> = None;
        let (mut line, mut at, mut number) = (Vec::new(), 0, 0);
        loop {
            line.clear();
            let start = at;
            at += file.read_until(b'\n', &mut line)? as u64;
            if line.pop() != Some(b'\n') {
                break;
            }
            number += 1;
            let text = std::str::from_utf8(&line).ok();
            let text = text.with_context(|| format!("line {number} is no text of UTF-8"))?;
            if number == 1
                && let Some(header) = format.header()
            {
                anyhow::ensure!(
                    !format.is_earlier_header(text),
                    "written by an earlier version of decipher; name a new file"
                );
                anyhow::ensure!(
                    text == header,
                    "line 1 is not the header of this format; is it another file?"
                );
                earlier.length = at;
                continue;
            }
            let (name, failed) = format
                .earlier(text)
                .with_context(|| format!("line {number} is no result: {text:.60}"))?;
            let rows = Rows { name: key(&name), first: key(text), failed };
            if !format.is_table() {
                earlier.add(&rows, at);
            } else if last.as_ref().is_none_or(|last| !last.go_on_with(&rows)) {
                last.replace(rows).inspect(|rows| earlier.add(rows, start));
            }
        }
        Ok(earlier)
    }

    /// A picture whose last row ends at that byte.
    fn add(&mut self, rows: &Rows, end: u64) {
        *self.done.entry(rows.name).or_default() += 1;
        self.failed += usize::from(rows.failed);
        self.length = end;
    }
}

/// The rows of one picture, by the first of them.
struct Rows {
    name: u128,
    first: u128,
    failed: bool,
}

impl Rows {
    /// Whether a row is one more of these. A name that is listed twice in succession begins anew with
    /// the row that it began with, as of one picture no two rows have the same box; a failure is all.
    fn go_on_with(&self, row: &Self) -> bool {
        self.name == row.name && self.first != row.first && !self.failed && !row.failed
    }
}

fn key(text: &str) -> u128 {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, text).hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}
