//! `decipher read`

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::ValueEnum;
use decipher::image::{GrayImage, Rect};
use decipher::model::Model;
use decipher::recognizer::{MIN_CONFIDENCE, Reading, Recognizer};
use decipher::report::Report;
use decipher::vision::{self, Layout, Limits};
use serde_json::json;

/// Read the digits in pictures
///
/// PNG, JPEG, BMP, PNM, WebP and GIF, dark on light or light on dark: one digit, a number, or a
/// page of numbers.
#[derive(clap::Args)]
pub struct Arguments {
    /// Pictures; - is standard input
    #[arg(required = true, value_name = "PICTURE")]
    pictures: Vec<PathBuf>,
    /// A network that `decipher train` saved [default: the one that is built in]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// The picture shows just one digit
    #[arg(long)]
    single: bool,
    /// How sure the network must be, 0 to 1; what is below is reported as unsure
    #[arg(long, default_value_t = MIN_CONFIDENCE, value_parser = share)]
    min_confidence: f32,
    /// text: digits as written; json: one object a picture; tsv: one line a digit
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Write a picture of every stage, from the grey picture to what the network saw
    #[arg(long, value_name = "DIR")]
    debug_dir: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Format {
    Text,
    Json,
    Tsv,
}

/// Largest picture file that is read, in bytes.
const MAX_FILE: u64 = 256 << 20;

fn share(text: &str) -> Result<f32, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "a number from 0 to 1".into())
}

pub fn run(arguments: Arguments) -> Result<ExitCode> {
    let model = match &arguments.model {
        Some(path) => Model::load(path)?,
        None => Model::bundled(),
    };
    let mut recognizer = Recognizer::new(model);
    recognizer.min_confidence = arguments.min_confidence;
    if let Some(directory) = &arguments.debug_dir {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("--debug-dir {}", directory.display()))?;
    }
    if arguments.format == Format::Tsv {
        crate::print("file\tline\tnumber\tdigit\tconfidence\tx\ty\twidth\theight")?;
    }
    let mut code = ExitCode::SUCCESS;
    for (index, path) in arguments.pictures.iter().enumerate() {
        let file = path.display().to_string();
        match read(&arguments, &recognizer, path, index) {
            Ok((picture, reading)) => {
                let several = arguments.pictures.len() > 1;
                let text = match arguments.format {
                    Format::Json => {
                        serde_json::to_string(&Report::new(Some(file.clone()), &picture, &reading))?
                    }
                    Format::Tsv => tsv(&file, &reading),
                    Format::Text => text(&file, several, &reading),
                };
                if !(text.is_empty() && arguments.format == Format::Tsv) {
                    crate::print(&text)?;
                }
            }
            Err(error) => {
                code = ExitCode::FAILURE;
                let error = format!("{error:#}");
                if arguments.format == Format::Json {
                    let line = json!({ "version": 1, "file": file, "error": error });
                    crate::print(&line.to_string())?;
                } else {
                    eprintln!("decipher: {file}: {error}");
                }
            }
        }
    }
    Ok(code)
}

fn read(
    arguments: &Arguments,
    recognizer: &Recognizer,
    path: &Path,
    index: usize,
) -> Result<(GrayImage, Reading)> {
    let bytes = if path == Path::new("-") {
        all(std::io::stdin().lock())?
    } else {
        all(File::open(path)?)?
    };
    let picture = vision::decode(&bytes, &Limits::default())?;
    let layout =
        if arguments.single { vision::single(&picture) } else { vision::segment(&picture) };
    if let Some(directory) = &arguments.debug_dir {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        // Pictures of the same name in several folders do not overwrite each other.
        let number =
            if arguments.pictures.len() > 1 { format!("{}-", index + 1) } else { "".into() };
        debug(&layout, &directory.join(format!("{number}{stem}")))?;
    }
    let reading = recognizer.read_layout(&layout);
    Ok((picture, reading))
}

fn all(from: impl Read) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    anyhow::ensure!(bytes.len() as u64 <= MAX_FILE, "larger than {MAX_FILE} bytes");
    Ok(bytes)
}

/// Writes every stage as `PREFIX-STAGE.png`.
fn debug(layout: &Layout, prefix: &Path) -> Result<()> {
    let mut pictures = layout.stages.pictures();
    pictures.push(("7-glyphs", vision::sheet(&layout.lines)));
    for (name, picture) in pictures.iter().filter(|(_, picture)| !picture.pixels().is_empty()) {
        let mut path = prefix.as_os_str().to_owned();
        path.push(format!("-{name}.png"));
        let path = PathBuf::from(path);
        std::fs::write(&path, vision::encode_png(picture))
            .with_context(|| format!("--debug-dir: {}", path.display()))?;
    }
    Ok(())
}

fn text(file: &str, several: bool, reading: &Reading) -> String {
    if reading.lines.is_empty() {
        eprintln!("{file}: no digits found");
    }
    if !reading.unsure.is_empty() {
        eprintln!(
            "{file}: {} more that may be no digits (--format json shows them)",
            reading.unsure.len()
        );
    }
    let text = reading.text();
    if !several {
        return text;
    }
    text.split('\n').map(|line| format!("{file}: {line}")).collect::<Vec<_>>().join("\n")
}

fn tsv(file: &str, reading: &Reading) -> String {
    // A file's name may hold what parts columns and lines.
    let file = file.replace(['\t', '\n', '\r'], " ");
    let mut rows = Vec::new();
    for (line, digits) in (1..).zip(&reading.lines) {
        let mut number = 1;
        for digit in &digits.digits {
            number += usize::from(digit.gap_before);
            let Rect { x, y, width, height } = digit.bounds;
            let (confidence, digit) = (digit.confidence, digit.digit);
            rows.push(format!(
                "{file}\t{line}\t{number}\t{digit}\t{confidence:.4}\t{x}\t{y}\t{width}\t{height}"
            ));
        }
    }
    rows.join("\n")
}
