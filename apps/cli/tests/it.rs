//! The command as its users run it: training and testing, reading, and what goes wrong.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples");

/// Runs `decipher` in `directory`, with no data but the built-in digits.
fn decipher(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_decipher"))
        .args(arguments)
        .current_dir(directory)
        .env_remove("DECIPHER_DATA")
        .env("HOME", directory)
        .env("XDG_CACHE_HOME", directory)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn objects(output: &Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_was_trained_can_be_tested_and_threads_change_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| decipher(directory.path(), arguments);
    let train = ["train", "tutorial-97", "--epochs", "2", "--format", "json", "--out"];
    let trained = run(&[&train[..], &["a.safetensors", "--threads", "1"]].concat());
    assert_eq!(trained.status.code(), Some(0), "{}", text(&trained.stderr));
    let events = objects(&trained);
    assert_eq!(events.len(), 3);
    assert!(events[..2].iter().all(|e| e["event"] == "epoch" && e["loss"].is_number()));
    let done = &events[2];
    assert_eq!(
        (&done["event"], &done["epochs"], &done["seed"]),
        (&"done".into(), &2.into(), &1.into())
    );
    assert_eq!(done["test_count"], 750);

    assert!(run(&[&train[..], &["b.safetensors", "--threads", "2"]].concat()).status.success());
    let file = |name: &str| fs::read(directory.path().join(name)).unwrap();
    assert!(file("a.safetensors") == file("b.safetensors"));

    let tested = run(&["test", "a.safetensors", "--format", "json", "--mistakes", "m.svg"]);
    let result = &objects(&tested)[0];
    assert_eq!(result["accuracy"], done["test_accuracy"]);
    assert!(result["nll"].as_f64().unwrap() > 0.0);
    assert!((0.0..=1.0).contains(&result["ece"].as_f64().unwrap()));
    let wrong = 750 - result["right"].as_u64().unwrap() as usize;
    assert_eq!(text(&file("m.svg")).matches("<title>").count(), wrong);
}

#[test]
fn reading_goes_on_after_a_picture_that_is_none() {
    let good = format!("{SAMPLES}/number.jpg");
    let bad = format!("{SAMPLES}/README.md");
    let output = decipher(Path::new(SAMPLES), &["read", "--format", "json", &bad, &good]);
    assert_eq!(output.status.code(), Some(1));
    let objects = objects(&output);
    assert_eq!(objects.len(), 2);
    assert!(objects[0]["error"].is_string() && objects[0]["file"] == bad);
    let read = &objects[1];
    assert_eq!((&read["version"], &read["text"]), (&1.into(), &"314159".into()));
    assert_eq!((&read["width"], &read["height"]), (&640.into(), &190.into()));
    let digits = read["lines"][0]["digits"].as_array().unwrap();
    assert_eq!(digits.len(), 6);
    for digit in digits {
        assert!(digit["confidence"].as_f64().unwrap() > 0.5);
        assert!(["x", "y", "width", "height"].iter().all(|k| digit["box"][k].is_u64()));
    }
    assert!(read["unsure"].as_array().unwrap().is_empty());
}

#[test]
fn lines_of_tsv_are_digits() {
    let output = decipher(Path::new(SAMPLES), &["read", "--format", "tsv", "chalk.png"]);
    let rows: Vec<Vec<&str>> =
        text(&output.stdout).lines().skip(1).map(|row| row.split('\t').collect()).collect();
    assert_eq!(rows.iter().map(|row| row[3]).collect::<String>(), "8061");
    assert!(rows.iter().all(|row| row.len() == 9));
}

#[test]
fn exit_codes_tell_usage_from_failure() {
    let directory = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str], code: i32, says: &str| {
        let output = decipher(directory.path(), arguments);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        assert!(error.contains(says), "{arguments:?}: {error}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    };
    run(&["read"], 2, "PICTURE");
    run(&["train", "no-such-recipe"], 2, "no-such-recipe");
    run(&["train", "--out", "nowhere/x.safetensors"], 1, "nothing was trained");
    run(&["test", "missing.safetensors"], 1, "missing.safetensors");
    run(&["read", "missing.png"], 1, "missing.png");

    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/dense.safetensors");
    let whole = fs::read(model).unwrap();
    fs::write(directory.path().join("cut"), &whole[..whole.len() - 5]).unwrap();
    run(&["test", "cut"], 1, "cut");
    let mut flipped = whole;
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(directory.path().join("flipped"), flipped).unwrap();
    run(&["test", "flipped"], 1, "flipped");
}
