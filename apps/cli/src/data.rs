//! `decipher data`

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Subcommand, ValueEnum};
use decipher::data::{MNIST_MIRRORS, Progress, cache_dir, fetch_mnist, find_mnist};
use indicatif::{ProgressBar, ProgressStyle};

/// Fetch the data to train and test on, or say where it is
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Download a dataset, check it, and keep it in the cache directory
    ///
    /// A broken download goes on where it stopped. Nothing is kept that is not exactly the
    /// published data. Proxies are taken from the usual environment variables.
    Fetch {
        /// What to fetch
        #[arg(value_enum)]
        dataset: Dataset,
        /// Another place to download from, instead of the built-in list; may be given repeatedly
        #[arg(long, value_name = "URL")]
        mirror: Vec<String>,
        /// Where to put the files [default: the user's cache directory]
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// Say where MNIST is found
    Path {
        /// Directory with the four MNIST files [default: $DECIPHER_DATA, else what was fetched]
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Dataset {
    /// 60,000 + 10,000 handwritten digits; a download of 11 MB
    Mnist,
}

pub fn run(arguments: Arguments) -> Result<ExitCode> {
    match arguments.command {
        Command::Fetch { dataset: Dataset::Mnist, mirror, dir } => fetch(&mirror, dir),
        Command::Path { data } => {
            let directory = find_mnist(data.as_deref())?
                .context("MNIST is not here; run 'decipher data fetch mnist'")?;
            crate::print(&directory.display().to_string())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn fetch(mirrors: &[String], directory: Option<PathBuf>) -> Result<ExitCode> {
    let directory = match directory {
        Some(directory) => directory,
        None => cache_dir().context("there is no cache directory; give --dir DIR")?.join("mnist"),
    };
    let built_in: Vec<String> = MNIST_MIRRORS.iter().map(|&mirror| mirror.into()).collect();
    let mirrors = if mirrors.is_empty() { &built_in } else { mirrors };
    let bar = if std::io::stderr().is_terminal() {
        let style = "{bar:30} {bytes} of {total_bytes} {msg}, {eta} left";
        let style = ProgressStyle::with_template(style).expect("it is a template");
        ProgressBar::new(0).with_style(style)
    } else {
        ProgressBar::hidden()
    };
    let mut current = "";
    fetch_mnist(mirrors, &directory, &mut |Progress { file, received, total, note }| {
        if current != file {
            current = file;
            bar.set_message(file);
            if bar.is_hidden() {
                eprintln!("fetching {file}");
            }
        }
        bar.set_length(total.unwrap_or(received));
        bar.set_position(received);
        if let Some(note) = note {
            bar.suspend(|| eprintln!("{note}"));
        }
    })?;
    bar.finish_and_clear();
    crate::print(&directory.display().to_string())?;
    Ok(ExitCode::SUCCESS)
}
