//! `decipher read`

mod inputs;
mod names;
mod results;
mod rows;

use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use decipher::draw::{self, Canvas};
use decipher::file::write_whole;
use decipher::model::Model;
use decipher::recognizer::{MIN_CONFIDENCE, Recognizer};
use decipher::vision::{self, DecodeError, Layout, Limits};
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;

use results::Results;
use rows::{Format, Outcome};

/// Read the digits in pictures
///
/// PNG, JPEG, BMP, PNM, WebP and GIF, dark on light or light on dark: one digit, a number, or a
/// page of numbers.
#[derive(clap::Args)]
pub struct Arguments {
    /// Pictures, folders of pictures, or patterns such as 'scans/*.png'; - is a picture on standard
    /// input
    #[arg(required_unless_present = "list", value_name = "PICTURE")]
    pictures: Vec<PathBuf>,
    /// A file with a picture's name a line; - is standard input
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,
    /// A network that `decipher train` saved [default: the one that is built in]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Each picture shows just one digit
    #[arg(long)]
    single: bool,
    /// How sure the network must be, 0 to 1; what is below is unsure, and ? in the text if it is perhaps
    /// a digit
    #[arg(long, default_value_t = MIN_CONFIDENCE, value_parser = share)]
    min_confidence: f32,
    /// How to print what was read
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Write the results to a file instead; if it is there from a run that was broken off, go on
    /// where that ended. The file does not know --model, --single and --min-confidence: give the same
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
    /// Draw boxes, digits and confidences in percent on a copy of the picture
    #[arg(long, value_name = "FILE.png")]
    annotate: Option<PathBuf>,
    /// Write a picture of every stage, from the grey picture to what the network saw
    #[arg(long, value_name = "DIR")]
    debug_dir: Option<PathBuf>,
}

/// Largest picture file that is read, in bytes.
const MAX_FILE: u64 = 256 << 20;
/// Bytes that tell a picture from what is none.
const FIRST: u64 = 64;
/// Pictures a thread that are read before their results are written.
const BATCH: usize = 16;

fn share(text: &str) -> Result<f32, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "a number from 0 to 1".into())
}

pub fn run(arguments: Arguments) -> Result<ExitCode> {
    let one =
        arguments.list.is_none() && matches!(&arguments.pictures[..], [one] if inputs::is_one(one));
    anyhow::ensure!(one || arguments.annotate.is_none(), "--annotate draws on one picture only");
    if let (Some(path), [picture]) = (&arguments.annotate, &arguments.pictures[..]) {
        may_annotate(path, picture)?;
    }
    let model = match &arguments.model {
        Some(path) => Model::load(path)?,
        None => Model::bundled(),
    };
    let mut recognizer = Recognizer::new(model);
    recognizer.min_confidence = arguments.min_confidence;
    if let Some(directory) = &arguments.debug_dir {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("--debug-dir {}", names::printed(directory)))?;
    }
    let mut results = match &arguments.resume {
        Some(path) => Results::resumed(path, arguments.format)?,
        None => Results::printed(arguments.format)?,
    };
    let mut pictures = inputs::pictures(&arguments.pictures, arguments.list.as_deref())?;
    let bar = if one { ProgressBar::hidden() } else { bar(&arguments) };
    let batch = if one { 1 } else { BATCH * rayon::current_num_threads() };
    let (mut index, mut failed) = (0, false);
    loop {
        let paths = next_batch(&mut pictures, batch, &mut results, &bar)?;
        if paths.is_empty() {
            break;
        }
        let read = |(i, path): (usize, &PathBuf)| {
            let outcome = read(&arguments, &recognizer, path, (!one).then_some(index + i));
            (names::name(path), outcome)
        };
        let outcomes: Vec<(String, Outcome)> = paths.par_iter().enumerate().map(read).collect();
        index += paths.len();
        let mut lines = String::new();
        for (file, outcome) in &outcomes {
            lines += &arguments.format.lines(file, outcome, !one);
            if let Err(error) = outcome {
                failed = true;
                // In JSON on the standard output the error stands already.
                if arguments.format != Format::Json || arguments.resume.is_some() {
                    let file = names::on_a_line(file);
                    bar.suspend(|| eprintln!("decipher: {file}: {error:#}"));
                }
            }
        }
        bar.suspend(|| results.write(&lines))?;
        bar.inc(outcomes.len() as u64);
    }
    bar.finish_and_clear();
    anyhow::ensure!(
        index > 0 || arguments.resume.is_some() || arguments.list.is_some(),
        "no picture is there: the folder is empty, or nothing is called so"
    );
    let failed_earlier = results.failed_earlier();
    if failed_earlier > 0 {
        eprintln!(
            "decipher: {failed_earlier} of the pictures that are done already could not be read; their rows say why"
        );
    }
    Ok(if failed || failed_earlier > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Whether boxes may be drawn into that file: a PNG, and not the picture itself.
fn may_annotate(path: &Path, picture: &Path) -> Result<()> {
    let is_png = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("png"));
    anyhow::ensure!(
        is_png,
        "--annotate writes a PNG; give {} a name that ends in .png",
        names::printed(path)
    );
    let place = |path: &Path| path.canonicalize().ok();
    let same = place(path).is_some_and(|path| Some(path) == place(picture));
    anyhow::ensure!(
        !same,
        "--annotate {} would write over the picture; name another file",
        names::printed(path)
    );
    Ok(())
}

/// The next pictures, at most `most`, that no earlier run has read.
fn next_batch(
    pictures: &mut dyn Iterator<Item = Result<PathBuf>>,
    most: usize,
    results: &mut Results,
    bar: &ProgressBar,
) -> Result<Vec<PathBuf>> {
    let mut is_new = |path: &Result<PathBuf>| {
        let is_done = path.as_ref().is_ok_and(|path| results.take_done(&names::name(path)));
        if is_done {
            bar.dec_length(1);
        }
        !is_done
    };
    pictures.filter(|path| is_new(path)).take(most).collect()
}

/// How far a terminal is told that the run has come.
fn bar(arguments: &Arguments) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match inputs::count(&arguments.pictures, arguments.list.as_deref()) {
        Some(count) => (
            ProgressBar::new(count),
            "{spinner} {pos} of {len} pictures, {per_sec}, {elapsed}, {eta} left",
        ),
        None => (ProgressBar::new_spinner(), "{spinner} {pos} pictures, {per_sec}, {elapsed}"),
    };
    bar.with_style(ProgressStyle::with_template(template).expect("it is a template"))
}

/// Reads one picture; `index` is its number, where there are several.
fn read(
    arguments: &Arguments,
    recognizer: &Recognizer,
    path: &Path,
    index: Option<usize>,
) -> Outcome {
    let is_stdin = path == Path::new("-");
    let bytes = if is_stdin {
        all(std::io::stdin().lock())?
    } else {
        let file = File::open(path)?;
        anyhow::ensure!(file.metadata()?.len() <= MAX_FILE, "larger than {MAX_FILE} bytes");
        all(file)?
    };
    let picture = vision::decode(&bytes, &Limits::default())?;
    // Only who draws needs the colours, too.
    let bytes = arguments.annotate.is_some().then_some(bytes);
    let (layout, reading) = recognizer.explain(&picture, arguments.single);
    if let Some(directory) = &arguments.debug_dir {
        let stem = if is_stdin { Path::new("stdin") } else { path }.file_stem();
        let stem = stem.unwrap_or_default().to_string_lossy();
        // Pictures of the same name in several folders do not overwrite each other.
        let number = index.map_or(String::new(), |index| format!("{}-", index + 1));
        debug(&layout, &directory.join(format!("{number}{stem}")))?;
    }
    if let (Some(path), Some(bytes)) = (&arguments.annotate, bytes) {
        let colours = Canvas::decode(&bytes, &Limits::default())?;
        write_whole(path, &draw::annotated(colours, &reading).png())
            .with_context(|| format!("--annotate {}", names::printed(path)))?;
    }
    Ok((picture, reading))
}

/// All of a picture file. What is none by its first bytes is not read to its end.
fn all(mut from: impl Read) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.by_ref().take(FIRST).read_to_end(&mut bytes)?;
    if let Err(error @ DecodeError::UnknownFormat) = vision::decode(&bytes, &Limits::default()) {
        return Err(error.into());
    }
    from.take(MAX_FILE + 1 - FIRST).read_to_end(&mut bytes)?;
    anyhow::ensure!(bytes.len() as u64 <= MAX_FILE, "larger than {MAX_FILE} bytes");
    Ok(bytes)
}

/// Writes every stage as `PREFIX-STAGE.png`.
fn debug(layout: &Layout, prefix: &Path) -> Result<()> {
    let mut pictures = layout.stages.pictures();
    pictures.push(("8-glyphs", vision::sheet(&layout.lines)));
    for (name, picture) in pictures.iter().filter(|(_, picture)| !picture.pixels().is_empty()) {
        let mut path = prefix.as_os_str().to_owned();
        path.push(format!("-{name}.png"));
        let path = PathBuf::from(path);
        write_whole(&path, &vision::encode_png(picture))
            .with_context(|| format!("--debug-dir: {}", names::printed(&path)))?;
    }
    Ok(())
}
