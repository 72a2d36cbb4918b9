//! `decipher test`

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use decipher::data::{Dataset, find_mnist, load_mnist_test};
use decipher::file::write_whole;
use decipher::metrics::{ConfusionMatrix, Evaluation, interval_95};
use decipher::model::{Model, vote};
use decipher::svg;
use decipher::teach::unseen;
use serde_json::json;

use crate::train::Format;

/// Test a network: accuracy, precision and recall per digit, and what it mixes up
///
/// On MNIST's 10,000 test digits if they are at hand; else, a network that was trained on the
/// built-in digits is tested on those that were held back. Several networks vote: what counts is the
/// mean of their probabilities.
#[derive(clap::Args)]
pub struct Arguments {
    /// The network, or several, as `decipher train` saved them [default: the one that is built in]
    #[arg(value_name = "MODEL")]
    models: Vec<PathBuf>,
    /// Directory with the four MNIST files [default: $DECIPHER_DATA, else what was fetched]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// How to print results: text for people, or one JSON object
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Draw the digits that were read wrong
    #[arg(long, value_name = "FILE.svg")]
    mistakes: Option<PathBuf>,
}

pub fn run(arguments: Arguments) -> Result<ExitCode> {
    let mut models: Vec<_> =
        arguments.models.iter().map(|m| Model::load(m)).collect::<Result<_, _>>()?;
    if models.is_empty() {
        models.push(Model::bundled());
    }
    let digits = match find_mnist(arguments.data.as_deref())? {
        Some(directory) => {
            eprintln!("testing on MNIST in {}", directory.display());
            load_mnist_test(&directory)?
        }
        None => held_back(&models)?,
    };
    let evaluation = Evaluation::of(&vote(&models, digits.images()), &digits);
    if let Some(path) = &arguments.mistakes {
        write_whole(path, svg::mistakes(&digits, &evaluation.mistakes).as_bytes())
            .with_context(|| format!("--mistakes {}", path.display()))?;
    }
    let text = match arguments.format {
        Format::Text => text(&evaluation),
        Format::Json => json(&evaluation).to_string(),
    };
    crate::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The built-in digits that no model was trained on.
fn held_back(models: &[Model]) -> Result<Dataset> {
    let digits = models.iter().map(unseen).reduce(Option::and).flatten().context(
        "this network has seen the built-in digits, so it can only be tested on MNIST's test set: \
         run 'decipher data fetch mnist' or give --data DIR",
    )?;
    eprintln!("testing on the built-in digits that were held back");
    Ok(digits)
}

fn json(Evaluation { confusion, nll, ece, .. }: &Evaluation) -> serde_json::Value {
    let (low, high) = interval_95(confusion.right(), confusion.count());
    let digits: Vec<_> = (0..10)
        .map(|digit| {
            let (precision, recall) = (confusion.precision(digit), confusion.recall(digit));
            json!({ "digit": digit, "precision": precision, "recall": recall })
        })
        .collect();
    json!({
        "version": 1,
        "count": confusion.count(),
        "right": confusion.right(),
        "accuracy": confusion.accuracy(),
        "accuracy_95": [low, high],
        "nll": nll,
        "ece": ece,
        "digits": digits,
        "confusion": confusion.0,
    })
}

fn text(Evaluation { confusion, nll, ece, .. }: &Evaluation) -> String {
    let (right, count) = (confusion.right(), confusion.count());
    let (low, high) = interval_95(right, count);
    let mut text = format!(
        "{:.2} % of {count} digits right ({} wrong; 95 % interval {:.2} to {:.2} %)\n\
         mean -ln p {nll:.4}; calibration error {:.2} %\n\n",
        100.0 * confusion.accuracy(),
        count - right,
        100.0 * low,
        100.0 * high,
        100.0 * ece
    );
    text += "is \\ read";
    (0..10).for_each(|digit| text += &format!("{digit:>6}"));
    text += "   recall\n";
    let percent =
        |share: Option<f64>| share.map_or("-".into(), |share| format!("{:.2}", 100.0 * share));
    let ConfusionMatrix(rows) = confusion;
    for (digit, row) in rows.iter().enumerate() {
        text += &format!("{digit:>9}");
        row.iter().for_each(|n| text += &if *n == 0 { "     .".into() } else { format!("{n:>6}") });
        text += &format!("{:>9}\n", percent(confusion.recall(digit)));
    }
    text += "precision";
    (0..10).for_each(|digit| text += &format!("{:>6}", percent(confusion.precision(digit))));
    text
}
