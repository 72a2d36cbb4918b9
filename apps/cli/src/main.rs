//! The `decipher` command. It converts and prints; everything about digits is in the library.
//!
//! Results go to standard output, everything else to standard error. Exit codes: 0 done,
//! 1 something could not be done, 2 wrong usage.

mod data;
mod read;
#[cfg(feature = "serve")]
mod serve;
mod teach;
mod test;
mod train;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use decipher::data::{Mnist, find_mnist, load_mnist};
use decipher::recipe::RecipeError;

/// Reads handwritten digits: trains networks, tests them, and reads your own pictures.
#[derive(Parser)]
#[command(
    name = "decipher",
    version,
    after_help = "Examples:
  decipher read photo.jpg               what does it say?
  decipher train tutorial-97            train the tutorial's network; it takes a blink
  decipher test tutorial-97.safetensors
  decipher read --model tutorial-97.safetensors photo.jpg"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Train(train::Arguments),
    Test(test::Arguments),
    Read(read::Arguments),
    Teach(teach::Arguments),
    Data(data::Arguments),
    #[cfg(feature = "serve")]
    Serve(serve::Arguments),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Train(arguments) => train::run(arguments),
        Command::Test(arguments) => test::run(arguments),
        Command::Read(arguments) => read::run(arguments),
        Command::Teach(arguments) => teach::run(arguments),
        Command::Data(arguments) => data::run(arguments),
        #[cfg(feature = "serve")]
        Command::Serve(arguments) => serve::run(arguments),
    };
    let error = match result {
        Ok(code) => return code,
        Err(error) => error,
    };
    // The reader of a pipe (`head`) may go when it has enough.
    let broken_pipe = |e: &io::Error| e.kind() == io::ErrorKind::BrokenPipe;
    if error.downcast_ref().is_some_and(broken_pipe) {
        return ExitCode::SUCCESS;
    }
    eprintln!("decipher: {error:#}");
    match error.downcast_ref() {
        Some(RecipeError::Unknown { .. }) => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    }
}

/// Writes a line of results.
fn print(line: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{line}")
}

/// MNIST, if it is at hand, and the directory it was found in.
fn mnist(directory: Option<&Path>) -> Result<Option<(Mnist, PathBuf)>> {
    let Some(directory) = find_mnist(directory)? else { return Ok(None) };
    Ok(Some((load_mnist(&directory)?, directory)))
}
