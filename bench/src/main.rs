//! Decipher's side of `bench/run`: how long inference takes, and how long a whole process.

use std::hint::black_box;
use std::io::BufRead;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use decipher::data::{Dataset, load_mnist_test};
use decipher::metrics::best;
use decipher::model::Model;
use decipher::nn::{Inputs, Layer, padded};
use serde_json::{Value, json};

/// Results are JSON, an object a line.
#[derive(Parser)]
enum Arguments {
    /// Times a network on MNIST's test digits, once for each line of standard input
    Infer {
        model: PathBuf,
        #[arg(long)]
        data: PathBuf,
        /// Digits that are looked at together
        #[arg(long)]
        batch: usize,
    },
    /// Runs a command and reports its seconds and its peak memory
    Process {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<String>,
    },
}

/// Short enough for turns with other programs, long enough for the clock.
const AT_LEAST: Duration = Duration::from_millis(300);

fn main() -> Result<()> {
    match Arguments::parse() {
        Arguments::Infer { model, data, batch } => {
            let (model, digits) = (Model::load(&model)?, load_mnist_test(&data)?);
            ensure!((1..=digits.len()).contains(&batch), "--batch is 1 to {}", digits.len());
            infer(&model, &digits, batch)
        }
        Arguments::Process { command } => {
            println!("{}", process(&command)?);
            Ok(())
        }
    }
}

/// From inputs made beforehand, as the tensors of other programs are, to the outputs for each
/// digit; on this one thread, without an allocation.
fn infer(model: &Model, digits: &Dataset, batch: usize) -> Result<()> {
    let (sparse, dense): (_, Vec<f32>);
    let inputs = if matches!(model.network.layers()[0], Layer::Dense { .. }) {
        sparse = model.pixels.inputs(digits.images());
        Inputs::Sparse(&sparse)
    } else {
        dense = digits.images().iter().map(|&pixel| model.pixels.value(pixel)).collect();
        Inputs::Dense(&dense)
    };
    let all: Vec<u32> = (0..digits.len() as u32).collect();
    let mut workspace = model.network.workspace(batch);
    let mut pass = |right: &mut usize| {
        for rows in all.chunks_exact(batch) {
            let outputs = model.network.forward(&model.params, inputs, rows, &mut workspace);
            for (output, &row) in black_box(outputs).chunks_exact(padded(10)).zip(rows) {
                let output = output[..10].try_into().expect("ten of them");
                *right += usize::from(best(output).0 == digits.labels()[row as usize]);
            }
        }
    };
    pass(&mut 0); // nobody is timed cold
    println!("{}", json!({ "ready": format!("decipher {}", env!("CARGO_PKG_VERSION")) }));
    for line in std::io::stdin().lock().lines() {
        line?;
        let (mut right, mut seen, began) = (0, 0, Instant::now());
        while began.elapsed() < AT_LEAST {
            pass(&mut right);
            seen += all.len() / batch * batch;
        }
        let seconds = began.elapsed().as_secs_f64() / seen as f64;
        println!("{}", json!({ "seconds": seconds, "accuracy": right as f64 / seen as f64 }));
    }
    Ok(())
}

fn process(command: &[String]) -> Result<Value> {
    let [program, arguments @ ..] = command else { unreachable!("clap asks for one") };
    let began = Instant::now();
    let status = Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .status()
        .with_context(|| format!("{program} cannot be run"))?;
    let seconds = began.elapsed().as_secs_f64();
    ensure!(status.success(), "{program} failed: {status}");
    Ok(json!({ "seconds": seconds, "mib": peak_mib() }))
}

/// Peak memory of the one child there was. It starts with what this small program holds itself,
/// which a script that starts it could not say.
#[cfg(unix)]
fn peak_mib() -> Option<f64> {
    use nix::sys::resource::{UsageWho, getrusage};
    // In KiB; Apple counts bytes.
    let unit = if cfg!(target_vendor = "apple") { 1 << 20 } else { 1 << 10 };
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).ok()?;
    Some(usage.max_rss() as f64 / f64::from(unit))
}

#[cfg(not(unix))]
fn peak_mib() -> Option<f64> {
    None
}

#[cfg(test)]
mod tests {
    use decipher::recipe::Recipe;

    #[test]
    fn the_recipes_that_are_timed_are_valid() {
        let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/recipes")).unwrap();
        let mut names: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        names.sort();
        assert!(names.len() >= 4);
        for name in names {
            let recipe = Recipe::find(name.to_str().unwrap()).unwrap();
            // A second epoch is the one that is timed.
            assert_eq!(recipe.training.epochs, 2, "{}", name.display());
        }
    }
}
