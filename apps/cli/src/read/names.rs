//! What files are called in results and in sentences.

use std::fmt::Write;
use std::path::Path;

/// A file's name. Bytes that are no UTF-8 stand as `\xNN`, so that names that differ in them remain
/// two; only a name with these very letters in a byte's place looks the same.
pub fn name(path: &Path) -> String {
    let mut name = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        name += chunk.valid();
        chunk.invalid().iter().for_each(|&byte| push_escaped(&mut name, byte.into()));
    }
    name
}

/// A text with control characters as `\xNN`: it stays on its line, and does nothing to a terminal.
pub fn on_a_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { push_escaped(&mut line, c.into()) } else { line.push(c) }
    }
    line
}

/// [`name`], to be printed as it is.
pub fn printed(path: &Path) -> String {
    on_a_line(&name(path))
}

fn push_escaped(text: &mut String, code: u32) {
    let _ = write!(text, "\\x{code:02x}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_on_its_line() {
        assert_eq!(
            on_a_line("two\nlines\t\u{1b}[31m\u{9b}, é"),
            r"two\x0alines\x09\x1b[31m\x9b, é"
        );
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_no_text_remain_two() {
        use std::os::unix::ffi::OsStrExt;
        let name = |bytes| name(Path::new(std::ffi::OsStr::from_bytes(bytes)));
        assert_eq!(name(b"scan \xff\xe9.png"), r"scan \xff\xe9.png");
        assert_eq!(name(b"scan \xfe\xe9.png"), r"scan \xfe\xe9.png");
        assert_eq!(name("é.png".as_bytes()), "é.png");
    }
}
