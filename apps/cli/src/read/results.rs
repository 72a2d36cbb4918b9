//! Where results go, and what an earlier run left there.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::{Context, Result};

use super::rows::Format;

/// Standard output, or a file whose rows are on the disk before more pictures are read.
pub struct Results {
    file: Option<File>,
    format: Format,
    /// Keys of the names that an earlier run has finished: 16 bytes a picture, for a file may hold
    /// millions.
    done: HashSet<u128>,
}

impl Results {
    /// Results on standard output.
    pub fn printed(format: Format) -> Result<Self> {
        if let Some(header) = format.header() {
            crate::print(&header)?;
        }
        Ok(Self { file: None, format, done: HashSet::new() })
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
        let context = || format!("--resume {}", path.display());
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = file.with_context(context)?;
        let mut earlier = Earlier::read(BufReader::new(&file), format).with_context(context)?;
        if let Some(last) = earlier.last.take() {
            earlier.done.remove(&last);
        }
        file.set_len(earlier.length)
            .and_then(|()| file.seek(SeekFrom::End(0)))
            .with_context(context)?;
        if earlier.length == 0
            && let Some(header) = format.header()
        {
            writeln!(file, "{header}").with_context(context)?;
        }
        Ok(Self { file: Some(file), format, done: earlier.done })
    }

    /// Whether an earlier run has read that file.
    pub fn has(&self, name: &str) -> bool {
        !self.done.is_empty() && self.done.contains(&key(&self.format.name_in_results(name)))
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
    done: HashSet<u128>,
    /// The picture of the last rows of a table.
    last: Option<u128>,
    /// Bytes that are kept.
    length: u64,
}

impl Earlier {
    fn read(mut file: impl BufRead, format: Format) -> Result<Self> {
        let mut earlier = Self { done: HashSet::new(), last: None, length: 0 };
        let (mut line, mut at, mut number) = (Vec::new(), 0, 0);
        loop {
            line.clear();
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
                    text == header,
                    "line 1 is not the header of this format; is it another file?"
                );
                earlier.length = at;
                continue;
            }
            let name = format.file_of(text);
            let name = name.with_context(|| format!("line {number} is no result: {text:.60}"))?;
            let key = key(&name);
            if !format.is_table() {
                earlier.length = at;
            } else if earlier.last != Some(key) {
                earlier.length = at - line.len() as u64 - 1;
                earlier.last = Some(key);
            }
            earlier.done.insert(key);
        }
        Ok(earlier)
    }
}

fn key(name: &str) -> u128 {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, name).hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}
