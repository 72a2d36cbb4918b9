//! `decipher train`

use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use clap::ValueEnum;
use decipher::calibrate::calibrate;
use decipher::data::load_mnist;
use decipher::metrics::{Evaluation, interval_95};
use decipher::recipe::{RECIPES, Recipe};
use decipher::scene::{Examples, Part};
use decipher::train::{Epoch, Event, Options, Split, Trained, train};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

/// Train a network
///
/// Without MNIST at hand (`decipher data fetch mnist`, or --data) it trains on the 5,000 digits
/// that are built in. Ctrl-C ends the training and saves what there is.
#[derive(clap::Args)]
#[command(after_help = recipes())]
pub struct Arguments {
    /// A recipe's name, or a .toml file of your own
    #[arg(default_value = "tutorial-97")]
    recipe: String,
    /// Directory with the four MNIST files [default: $DECIPHER_DATA, else what was fetched]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Folders of labelled pictures that a recipe with scenes learns from besides; of each, every
    /// second block of 20 pictures is taken. How sure the network is of the others sets the
    /// temperature that its confidence is divided by; they are left to be measured on
    #[arg(long, value_name = "DIR", num_args = 1..)]
    pictures: Vec<PathBuf>,
    /// Directory with files as MNIST's of what is no digit, such as Fashion-MNIST, for the same
    #[arg(long, value_name = "DIR")]
    things: Option<PathBuf>,
    /// How often to go through the digits [default: as the recipe says]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    epochs: Option<u32>,
    /// Another seed gives another network; the same seed gives the same, on any number of threads
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Threads to train on; 0 means one per core
    #[arg(long, default_value_t = 0, value_parser = thread_count)]
    threads: usize,
    /// Where to save the network [default: RECIPE.safetensors]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Round the weights to half precision at the end: the file is half as large
    #[arg(long)]
    half: bool,
    /// How to print results: text for people, or one JSON object a line
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// The value of `--threads`.
pub fn thread_count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(threads @ 0..=1024) => Ok(threads),
        _ => Err("a number from 0 to 1024".into()),
    }
}

/// How results are printed.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

fn recipes() -> String {
    let mut text = "Recipes:".to_owned();
    for (name, _) in RECIPES {
        let recipe = Recipe::find(name).expect("a test reads every recipe");
        text += &format!("\n  {name:12} {}", recipe.description);
    }
    text
}

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

pub fn run(arguments: Arguments) -> Result<ExitCode> {
    let recipe = Recipe::find(&arguments.recipe)?;
    let out = arguments.out.unwrap_or_else(|| format!("{}.safetensors", recipe.name).into());
    let parent = out.parent().filter(|p| !p.as_os_str().is_empty());
    anyhow::ensure!(
        parent.is_none_or(|p| p.is_dir()) && !out.is_dir(),
        "--out {}: its directory is not there, or it is one itself; nothing was trained",
        out.display()
    );
    let mut split = split(&recipe, arguments.data)?;
    let mut held_back = Examples::default();
    for folder in &arguments.pictures {
        split.pictures.extend(&Examples::from_folder(folder, Part::Learned)?);
        held_back.extend(&Examples::from_folder(folder, Part::HeldBack)?);
    }
    if let Some(directory) = &arguments.things {
        split.things = Examples::of_things(&load_mnist(directory)?.train);
    }
    ctrlc::set_handler(|| {
        // Whoever asks twice does not want to wait for the end of a step.
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })
    .context("Ctrl-C cannot be caught")?;
    let options =
        Options { epochs: arguments.epochs, seed: arguments.seed, threads: arguments.threads };
    let epochs = arguments.epochs.unwrap_or(recipe.training.epochs);
    let mut report = Report::new(arguments.format, epochs);
    let mut trained = train(&recipe, &split, options, &mut |event, _| {
        if report.event(event).is_err() || INTERRUPTED.load(Ordering::Relaxed) {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    report.bar.finish_and_clear();
    if !held_back.is_empty() {
        let temperature = calibrate(&mut trained.model, &held_back);
        eprintln!("confidence divided by a temperature of {temperature:.2}");
    }
    if arguments.half {
        trained.model.round_to_half();
    }
    trained.model.save(&out)?;
    finish(arguments.format, &trained, &split, &out)?;
    Ok(ExitCode::SUCCESS)
}

fn split(recipe: &Recipe, data: Option<PathBuf>) -> Result<Split> {
    if let Some((mnist, directory)) = crate::mnist(data.as_deref())? {
        eprintln!("training on MNIST in {}", directory.display());
        return Ok(Split::of_mnist(&mnist, &recipe.data)?);
    }
    let split = Split::of_sample(&recipe.data);
    eprintln!(
        "training on {} of the 5,000 built-in digits (all 60,000: 'decipher data fetch mnist')",
        split.train.len()
    );
    Ok(split)
}

/// Live news: a bar on a terminal, a plain line per epoch elsewhere.
struct Report {
    format: Format,
    epochs: u32,
    bar: ProgressBar,
    validation: String,
}

/// Steps of the bar.
const STEPS: u64 = 1_000;

impl Report {
    fn new(format: Format, epochs: u32) -> Self {
        let bar = if std::io::stderr().is_terminal() {
            let style = "{bar:30} {percent:>3} % {msg}, {eta} left";
            let style = ProgressStyle::with_template(style).expect("it is a template");
            ProgressBar::new(STEPS).with_style(style)
        } else {
            ProgressBar::hidden()
        };
        Self { format, epochs, bar, validation: String::new() }
    }

    fn event(&mut self, event: Event) -> std::io::Result<()> {
        match event {
            Event::Progress { epoch, done, loss } => {
                self.bar.set_position((done * STEPS as f64) as u64);
                let Self { epochs, validation, .. } = self;
                self.bar
                    .set_message(format!("epoch {epoch} of {epochs}, loss {loss:.4}{validation}"));
                Ok(())
            }
            Event::Epoch(epoch) => self.epoch(epoch),
        }
    }

    fn epoch(&mut self, epoch: Epoch) -> std::io::Result<()> {
        let Epoch { epoch, loss, validation_accuracy, test_accuracy, train_seconds } = epoch;
        self.validation = format!(", validation {:.2} %", 100.0 * validation_accuracy);
        if self.format == Format::Json {
            let mut line = json!({
                "event": "epoch",
                "epoch": epoch,
                "loss": loss,
                "validation_accuracy": validation_accuracy,
                "train_seconds": train_seconds,
            });
            if let Some(accuracy) = test_accuracy {
                line["test_accuracy"] = accuracy.into();
            }
            return crate::print(&line.to_string());
        }
        let test = test_accuracy.map_or(String::new(), |a| format!(", test {:.2} %", 100.0 * a));
        let line = format!(
            "epoch {epoch:3}: loss {loss:.4}{}{test}, {train_seconds:.3} s",
            self.validation
        );
        if self.bar.is_hidden() {
            eprintln!("{line}");
        } else {
            self.bar.println(line);
        }
        Ok(())
    }
}

fn finish(format: Format, trained: &Trained, split: &Split, out: &std::path::Path) -> Result<()> {
    let record = &trained.model.training;
    let matrix = Evaluation::new(&trained.model, &split.test).confusion;
    let best = trained.epochs.iter().filter_map(|e| e.test_accuracy.map(|a| (a, e.epoch)));
    // Of equals, the first.
    let best = best.reduce(|best, next| if next.0 > best.0 { next } else { best });
    if format == Format::Json {
        let mut line = json!({
            "event": "done",
            "model": out.display().to_string(),
            "test_accuracy": matrix.accuracy(),
            "test_count": matrix.count(),
            "train_seconds": trained.train_seconds,
            "epochs": record.epochs,
            "seed": record.seed,
        });
        if let Some((accuracy, epoch)) = best {
            line["best_epoch"] = json!({ "epoch": epoch, "test_accuracy": accuracy });
        }
        if trained.interrupted {
            line["interrupted"] = true.into();
        }
        return Ok(crate::print(&line.to_string())?);
    }
    let (low, high) = interval_95(matrix.right(), matrix.count());
    let stopped = if trained.interrupted { "interrupted after" } else { "trained for" };
    crate::print(&format!(
        "{stopped} {} epochs in {:.3} s; {:.2} % of {} test digits right (95 % interval {:.2} to \
         {:.2} %)",
        record.epochs,
        trained.train_seconds,
        100.0 * matrix.accuracy(),
        matrix.count(),
        100.0 * low,
        100.0 * high,
    ))?;
    if let Some((accuracy, epoch)) = best {
        let accuracy = 100.0 * accuracy;
        crate::print(&format!("best epoch, as the book counts: {accuracy:.2} % (epoch {epoch})"))?;
    }
    crate::print(&format!("saved as {}", out.display()))?;
    Ok(())
}
