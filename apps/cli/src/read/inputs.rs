//! Which pictures are to be read: files, folders, patterns, lists.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::names;

/// Endings of the files that are taken from a folder.
const ENDINGS: [&str; 10] =
    ["png", "jpg", "jpeg", "bmp", "gif", "webp", "pnm", "pbm", "pgm", "ppm"];

/// The pictures that are named, one after the other, without holding them all. A folder stands for
/// the pictures in it and in the folders below; a name with `*`, `?` or `[` that is no file, for
/// those that fit it; a list has a name a line.
pub fn pictures<'a>(
    named: &'a [PathBuf],
    list: Option<&'a Path>,
) -> Result<Box<dyn Iterator<Item = Result<PathBuf>> + 'a>> {
    let named = named.iter().flat_map(|path| expand(path.clone()));
    let Some(list) = list else { return Ok(Box::new(named)) };
    let lines: Box<dyn BufRead> = if list == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        let file = File::open(list).with_context(|| format!("--list {}", names::printed(list)))?;
        Box::new(BufReader::new(file))
    };
    let name = names::printed(list);
    let listed = lines.lines().map(move |line| match line {
        Ok(line) => Ok(PathBuf::from(line.trim_end_matches('\r'))),
        Err(error) => Err(error).with_context(|| format!("--list {name}")),
    });
    let listed = listed.filter(|line| !line.as_ref().is_ok_and(|path| path.as_os_str().is_empty()));
    Ok(Box::new(named.chain(listed.flat_map(|line| match line {
        Ok(path) => expand(path),
        Err(error) => Box::new(std::iter::once(Err(error))),
    }))))
}

/// How many pictures [`pictures`] gives. Of a list that is not known before its end, and it may come
/// from a pipe.
pub fn count(named: &[PathBuf], list: Option<&Path>) -> Option<u64> {
    let count = || named.iter().flat_map(|path| expand(path.clone())).count() as u64;
    list.is_none().then(count)
}

/// Whether the name is that of one picture, not of a folder or a pattern.
pub fn is_one(path: &Path) -> bool {
    path.is_file() || !(path.is_dir() || path.to_string_lossy().contains(PATTERN))
}

const PATTERN: [char; 3] = ['*', '?', '['];

fn expand(path: PathBuf) -> Box<dyn Iterator<Item = Result<PathBuf>>> {
    if path.is_dir() {
        return Box::new(Walk { folders: vec![path], files: vec![].into_iter() });
    }
    let text = path.to_string_lossy();
    if path.exists() || !text.contains(PATTERN) {
        return Box::new(std::iter::once(Ok(path)));
    }
    match glob::glob(&text) {
        Ok(paths) => Box::new(paths.map(|path| {
            path.map_err(|e| anyhow::anyhow!("{}: {}", names::printed(e.path()), e.error()))
        })),
        // Not a pattern either: opening it will say what is wrong.
        Err(_) => Box::new(std::iter::once(Ok(path))),
    }
}

/// The pictures in a folder and those below, by name; links to folders are not followed.
struct Walk {
    folders: Vec<PathBuf>,
    files: std::vec::IntoIter<PathBuf>,
}

impl Iterator for Walk {
    type Item = Result<PathBuf>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(file) = self.files.next() {
                return Some(Ok(file));
            }
            let folder = self.folders.pop()?;
            let entries: io::Result<Vec<_>> =
                std::fs::read_dir(&folder).and_then(|entries| entries.collect());
            let mut entries = match entries.with_context(|| names::printed(&folder)) {
                Ok(entries) => entries,
                Err(error) => return Some(Err(error)),
            };
            entries.sort_by_key(|entry| entry.file_name());
            let is_folder = |e: &std::fs::DirEntry| e.file_type().is_ok_and(|t| t.is_dir());
            let (below, files): (Vec<_>, Vec<_>) = entries.into_iter().partition(is_folder);
            self.folders.extend(below.iter().rev().map(std::fs::DirEntry::path));
            let picture = |path: &PathBuf| {
                let ending = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
                ending.is_some_and(|ending| ENDINGS.contains(&&*ending))
            };
            let files: Vec<PathBuf> = files.iter().map(std::fs::DirEntry::path).collect();
            self.files = files.into_iter().filter(picture).collect::<Vec<_>>().into_iter();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_counted_as_there_are() {
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples");
        let named = [samples.clone(), samples.join("*.jpg"), samples.join("missing.png")];
        let given = pictures(&named, None).unwrap().count() as u64;
        assert!(given > 10);
        assert_eq!(count(&named, None), Some(given));
        assert_eq!(count(&named, Some(Path::new("-"))), None);
    }
}
