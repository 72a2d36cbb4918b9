//! `decipher teach`

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use decipher::data::{Dataset, LabelledDigits};
use decipher::model::Model;
use decipher::teach::{BeforeAfter, teach};
use decipher::train::Options;
use decipher::vision::{self, Limits};
use serde_json::json;

use crate::train::{Format, thread_count};

/// Teach a network your own hand
///
/// It is trained further on your digits, mixed with built-in ones so that little is forgotten.
/// A quarter of your digits is held back to see what it was good for.
#[derive(clap::Args)]
pub struct Arguments {
    /// Digits saved by the page of `decipher serve` (.json), or a directory with pictures of
    /// single digits and a labels.csv of lines 'picture.png,7'
    digits: PathBuf,
    /// The network to teach [default: the one that is built in]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Where to save the taught network
    #[arg(long, value_name = "FILE", default_value = "taught.safetensors")]
    out: PathBuf,
    /// How often to go through the lesson [default: 3]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    epochs: Option<u32>,
    /// Another seed holds other digits back
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Threads to train on; 0 means one per core
    #[arg(long, default_value_t = 0, value_parser = thread_count)]
    threads: usize,
    /// How to print results: text for people, or one JSON object
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub fn run(arguments: Arguments) -> Result<ExitCode> {
    let model = match &arguments.model {
        Some(path) => Model::load(path)?,
        None => Model::bundled(),
    };
    let digits = digits(&arguments.digits)
        .with_context(|| format!("digits {}", arguments.digits.display()))?;
    anyhow::ensure!(!digits.is_empty(), "there are no digits in {}", arguments.digits.display());
    let options =
        Options { epochs: arguments.epochs, seed: arguments.seed, threads: arguments.threads };
    let lesson = teach(&model, &digits, options, &mut |_, _| ControlFlow::Continue(()))?;
    lesson.model.save(&arguments.out)?;
    let out = arguments.out.display().to_string();
    if arguments.format == Format::Json {
        let compared =
            |c: &BeforeAfter| json!({ "count": c.count, "before": c.before, "after": c.after });
        let line = json!({
            "version": 1,
            "model": out,
            "learned_from": lesson.learned_from,
            "mine": lesson.mine.as_ref().map(compared),
            "others": compared(&lesson.others),
        });
        crate::print(&line.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    let compared = |c: &BeforeAfter| {
        format!("{:.1} % before, {:.1} % after", 100.0 * c.before, 100.0 * c.after)
    };
    crate::print(&format!("learned from {} of your digits", lesson.learned_from))?;
    match &lesson.mine {
        Some(mine) => crate::print(&format!("your {} others: {}", mine.count, compared(mine)))?,
        None => crate::print("too few to hold some back and measure with; give at least 4")?,
    }
    crate::print(&format!(
        "{} built-in digits: {}",
        lesson.others.count,
        compared(&lesson.others)
    ))?;
    crate::print(&format!("saved as {out}"))?;
    Ok(ExitCode::SUCCESS)
}

fn digits(path: &Path) -> Result<Dataset> {
    if !path.is_dir() {
        let digits: LabelledDigits = serde_json::from_slice(&std::fs::read(path)?)
            .context("neither a directory nor digits saved by the page")?;
        return Ok(digits.to_dataset()?);
    }
    let table = std::fs::read_to_string(path.join("labels.csv")).context("labels.csv")?;
    let (mut images, mut labels) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(table.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let (file, label) = line.rsplit_once(',').unwrap_or((line, ""));
        let label = match label.trim().parse() {
            Ok(label @ 0..=9) => label,
            // The first line may name the columns.
            _ if number == 1 => continue,
            _ => anyhow::bail!("labels.csv, line {number}: '{line}' is not 'picture,digit'"),
        };
        let bytes = std::fs::read(path.join(file.trim())).with_context(|| file.to_owned())?;
        let picture =
            vision::decode(&bytes, &Limits::default()).with_context(|| file.to_owned())?;
        match vision::single(&picture).lines.first().and_then(|line| line.glyphs.first()) {
            Some(glyph) => {
                images.extend(glyph.pixels);
                labels.push(label);
            }
            None => eprintln!("{file}: no digit found; left out"),
        }
    }
    Ok(Dataset::new(images, labels)?)
}
