//! What was read, as text, tables and JSON.

use std::iter;

use clap::ValueEnum;
use decipher::image::{GrayImage, Rect};
use decipher::recognizer::{Mark, Reading, Unsure};
use decipher::report::Report;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use super::names::on_a_line;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The digits as they are written, ? in the place of what is perhaps one
    Text,
    /// One object a line and picture
    Json,
    /// A table parted by tabs: a row for each digit and for what is unsure (digit ?, its two candidates,
    /// no number if it is not in the text), or one that says that there is nothing, or an error
    Tsv,
    /// The same parted by commas
    Csv,
}

const COLUMNS: &str = "file,line,number,digit,confidence,x,y,width,height,error,candidates";

/// What must be known of a line of earlier JSON.
#[derive(Deserialize)]
struct Earlier {
    file: String,
    error: Option<IgnoredAny>,
}

/// A picture with what was read on it, or why it was not.
pub type Outcome = Result<(GrayImage, Reading), anyhow::Error>;

impl Format {
    /// The row above all others.
    pub fn header(self) -> Option<String> {
        Some(COLUMNS.replace(',', self.separator()?))
    }

    /// Whether a row is the header of an earlier version, which had no column for candidates.
    pub fn is_earlier_header(self, row: &str) -> bool {
        let separator = self.separator().unwrap_or_default();
        self.header() == Some(format!("{row}{separator}candidates"))
    }

    /// What parts the cells of a table.
    fn separator(self) -> Option<&'static str> {
        match self {
            Format::Text | Format::Json => None,
            Format::Tsv => Some("\t"),
            Format::Csv => Some(","),
        }
    }

    pub fn is_table(self) -> bool {
        self.separator().is_some()
    }

    /// All lines for one picture, each with its line break. `several`: whether text needs the
    /// file's name.
    pub fn lines(self, file: &str, outcome: &Outcome, several: bool) -> String {
        match (self, outcome) {
            (Format::Json, Ok((picture, reading))) => {
                let report = Report::new(Some(file.to_owned()), picture, reading);
                json_line(&report)
            }
            (Format::Json, Err(error)) => {
                json_line(&json!({ "version": 1, "file": file, "error": format!("{error:#}") }))
            }
            (Format::Text, Ok((_, reading))) => text(file, several, reading),
            (Format::Text, Err(_)) => String::new(),
            (_, Ok((_, reading))) => self.table(file, reading),
            (_, Err(error)) => {
                let error = format!("{error:#}");
                self.row(&[file, "", "", "", "", "", "", "", "", &error, ""]) + "\n"
            }
        }
    }

    /// Lines with their numbers, then what stands in no line with digits. Of the rows of a line, those
    /// with a number make its text.
    fn table(self, file: &str, reading: &Reading) -> String {
        let mut rows = String::new();
        for line in 0..reading.lines.len() {
            let mut number = 1;
            for mark in reading.line(line) {
                number += usize::from(mark.gap_before());
                let number = mark.character().map_or(String::new(), |_| number.to_string());
                rows += &self.mark(file, [(line + 1).to_string(), number], mark);
            }
        }
        for unsure in reading.unsure.iter().filter(|unsure| unsure.place.is_none()) {
            rows += &self.mark(file, Default::default(), Mark::Unsure(unsure));
        }
        if rows.is_empty() {
            rows = self.row(&[file, "", "", "", "", "", "", "", "", "", ""]) + "\n";
        }
        rows
    }

    /// The row of a digit or of something unsure.
    fn mark(self, file: &str, [line, number]: [String; 2], mark: Mark) -> String {
        let (digit, confidence, bounds, candidates) = match mark {
            Mark::Digit(d) => (d.digit.to_string(), d.confidence, d.bounds, String::new()),
            Mark::Unsure(Unsure { bounds, candidates, .. }) => {
                let [(first, confidence), (second, _)] = *candidates;
                ("?".into(), confidence, *bounds, format!("{first}/{second}"))
            }
        };
        let Rect { x, y, width, height } = bounds;
        let places = [line, number, digit, format!("{confidence:.4}")];
        let bounds = [x, y, width, height].map(|n| n.to_string());
        let cells = places.iter().chain(&bounds).map(String::as_str);
        self.row(&iter::once(file).chain(cells).chain(["", &candidates]).collect::<Vec<_>>()) + "\n"
    }

    fn row(self, cells: &[&str]) -> String {
        let cell = |cell: &&str| {
            let cell = on_a_line(cell);
            if self == Format::Csv && cell.contains([',', '"']) {
                format!("\"{}\"", cell.replace('"', "\"\""))
            } else {
                cell
            }
        };
        let cells: Vec<String> = cells.iter().map(cell).collect();
        cells.join(self.separator().unwrap_or(" "))
    }

    /// The file that a line of earlier results is about, and whether it says why that was not read.
    pub fn earlier(self, line: &str) -> Option<(String, bool)> {
        let Some(separator) = self.separator() else {
            let Earlier { file, error } = serde_json::from_str(line).ok()?;
            return Some((file, error.is_some()));
        };
        // The error is the last cell but one, and no candidates follow it.
        let failed = line.strip_suffix(separator).is_some_and(|rest| !rest.ends_with(separator));
        let quoted = line.strip_prefix('"').filter(|_| self == Format::Csv);
        let Some(quoted) = quoted else {
            return Some((line.split(separator).next()?.to_owned(), failed));
        };
        let (mut name, mut rest) = (String::new(), quoted.chars().peekable());
        while let Some(c) = rest.next() {
            if c == '"' && rest.next_if_eq(&'"').is_none() {
                break;
            }
            name.push(c);
        }
        Some((name, failed))
    }

    /// How a file's name stands in the results.
    pub fn name_in_results(self, file: &str) -> String {
        if self.is_table() { on_a_line(file) } else { file.to_owned() }
    }
}

fn json_line(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("a report is plain JSON") + "\n"
}

fn text(file: &str, several: bool, reading: &Reading) -> String {
    let file = on_a_line(file);
    if reading.lines.is_empty() {
        eprintln!("{file}: no digits found");
    }
    if !reading.unsure.is_empty() {
        eprintln!(
            "{file}: {} unsure, which may be no digits (--format json, tsv and csv show them)",
            reading.unsure.len()
        );
    }
    let text = reading.text();
    let prefix = if several { format!("{file}: ") } else { String::new() };
    text.split('\n').map(|line| format!("{prefix}{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_file_comes_back_from_its_row() {
        let names =
            ["plain.png", "with, comma.png", "with \"quotes\",.png", "tab\there.png", "two\nlines"];
        for name in names {
            let outcome = Ok((GrayImage::filled(1, 1, 0), Reading::default()));
            let failure = Err(anyhow::anyhow!("a sentence, \"with\tquotes\","));
            for format in [Format::Tsv, Format::Csv, Format::Json] {
                for (outcome, is_failure) in [(&outcome, false), (&failure, true)] {
                    let lines = format.lines(name, outcome, true);
                    let row = lines.strip_suffix('\n').unwrap();
                    let expected = Some((format.name_in_results(name), is_failure));
                    assert_eq!(format.earlier(row), expected, "{format:?}: {row}");
                }
            }
        }
    }
}
