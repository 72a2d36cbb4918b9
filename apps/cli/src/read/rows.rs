//! What was read, as text, tables and JSON.

use clap::ValueEnum;
use decipher::image::{GrayImage, Rect};
use decipher::recognizer::{Mark, Reading, Unsure};
use decipher::report::Report;
use serde_json::json;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The digits as they are written
    Text,
    /// One object a line and picture
    Json,
    /// A table parted by tabs: a row for each digit and for what is perhaps one (digit ?, with its two
    /// candidates), or one that says that there is nothing, or an error
    Tsv,
    /// The same parted by commas
    Csv,
}

const COLUMNS: [&str; 11] = [
    "file",
    "line",
    "number",
    "digit",
    "confidence",
    "x",
    "y",
    "width",
    "height",
    "error",
    "candidates",
];

/// A picture with what was read on it, or why it was not.
pub type Outcome = Result<(GrayImage, Reading), anyhow::Error>;

impl Format {
    /// The row above all others.
    pub fn header(self) -> Option<String> {
        self.is_table().then(|| self.row(&COLUMNS))
    }

    pub fn is_table(self) -> bool {
        matches!(self, Format::Tsv | Format::Csv)
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
        let confidence = format!("{confidence:.4}");
        let Rect { x, y, width, height } = bounds;
        let [x, y, width, height] = [x, y, width, height].map(|n| n.to_string());
        let error = "";
        self.row(&[
            file,
            &line,
            &number,
            &digit,
            &confidence,
            &x,
            &y,
            &width,
            &height,
            error,
            &candidates,
        ]) + "\n"
    }

    fn row(self, cells: &[&str; COLUMNS.len()]) -> String {
        let cell = |cell: &&str| match self {
            Format::Csv if cell.contains([',', '"', '\n', '\r']) => {
                format!("\"{}\"", cell.replace('"', "\"\"").replace(['\n', '\r'], " "))
            }
            // A file's name may hold what parts columns and lines.
            Format::Tsv => cell.replace(['\t', '\n', '\r'], " "),
            _ => (*cell).to_owned(),
        };
        let cells = cells.each_ref().map(cell);
        cells.join(if self == Format::Csv { "," } else { "\t" })
    }

    /// The file that a line of earlier results is about.
    pub fn file_of(self, line: &str) -> Option<String> {
        match self {
            Format::Text => None,
            Format::Json => {
                let object: serde_json::Value = serde_json::from_str(line).ok()?;
                Some(object.get("file")?.as_str()?.to_owned())
            }
            Format::Tsv => Some(line.split('\t').next()?.to_owned()),
            Format::Csv => Some(match line.strip_prefix('"') {
                None => line.split(',').next()?.to_owned(),
                Some(quoted) => {
                    let (mut name, mut rest) = (String::new(), quoted.chars().peekable());
                    while let Some(c) = rest.next() {
                        if c == '"' && rest.next_if_eq(&'"').is_none() {
                            break;
                        }
                        name.push(c);
                    }
                    name
                }
            }),
        }
    }

    /// How a file's name stands in the results.
    pub fn name_in_results(self, file: &str) -> String {
        match self {
            Format::Text | Format::Json => file.to_owned(),
            Format::Tsv => file.replace(['\t', '\n', '\r'], " "),
            Format::Csv => file.replace(['\n', '\r'], " "),
        }
    }
}

fn json_line(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("a report is plain JSON") + "\n"
}

fn text(file: &str, several: bool, reading: &Reading) -> String {
    if reading.lines.is_empty() {
        eprintln!("{file}: no digits found");
    }
    if !reading.unsure.is_empty() {
        eprintln!(
            "{file}: {} more that may be no digits (--format json, tsv and csv show them)",
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
        for name in ["plain.png", "with, comma.png", "with \"quotes\",.png", "tab\there.png"] {
            let outcome = Ok((GrayImage::filled(1, 1, 0), Reading::default()));
            for format in [Format::Tsv, Format::Csv, Format::Json] {
                let row = format.lines(name, &outcome, true);
                let found = format.file_of(row.trim_end_matches('\n'));
                assert_eq!(found, Some(format.name_in_results(name)), "{format:?}: {row}");
            }
        }
    }
}
