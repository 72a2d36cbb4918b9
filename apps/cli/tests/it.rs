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

#[test]
fn a_hand_is_taught_from_pictures_and_from_what_the_page_saved() {
    let directory = tempfile::tempdir().unwrap();
    let digits = decipher::data::sample().range(0..12);
    let mut table = "picture,digit\n".to_owned();
    for i in 0..digits.len() {
        let ink = digits.image(i).iter().map(|p| 255 - p).collect();
        let picture = decipher::image::GrayImage::new(28, 28, ink);
        let name = format!("{i}.png");
        fs::write(directory.path().join(&name), decipher::vision::encode_png(&picture)).unwrap();
        table += &format!("{name},{}\n", digits.label(i));
    }
    fs::write(directory.path().join("labels.csv"), table).unwrap();
    let saved = serde_json::to_vec(&decipher::data::LabelledDigits::from(&digits)).unwrap();
    fs::write(directory.path().join("digits.json"), saved).unwrap();
    for from in [".", "digits.json"] {
        let arguments = ["teach", from, "--epochs", "1", "--format", "json"];
        let taught = decipher(directory.path(), &arguments);
        assert_eq!(taught.status.code(), Some(0), "{}", text(&taught.stderr));
        let lesson = &objects(&taught)[0];
        assert_eq!((&lesson["learned_from"], &lesson["mine"]["count"]), (&9.into(), &3.into()));
        assert!(lesson["others"]["after"].as_f64().unwrap() > 0.9, "{lesson}");
        let picture = format!("{SAMPLES}/digit.png");
        let read = decipher(directory.path(), &["read", "--model", "taught.safetensors", &picture]);
        assert_eq!(text(&read.stdout), "7\n");
    }
    fs::write(directory.path().join("labels.csv"), "a,1\n0.png,ten\n").unwrap();
    let wrong = decipher(directory.path(), &["teach", "."]);
    assert!(!wrong.status.success() && wrong.stdout.is_empty(), "{}", text(&wrong.stderr));
}

#[cfg(all(unix, feature = "serve"))]
#[test]
fn a_server_says_where_it_is_and_ends_when_it_is_told_to() {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::process::Stdio;

    let directory = tempfile::tempdir().unwrap();
    let serve = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_decipher"))
            .args([&["serve", "--port", "0", "--log-format", "json"], arguments].concat())
            .env_remove("DECIPHER_DATA")
            .env("XDG_CACHE_HOME", directory.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    for (arguments, token) in [(&[][..], false), (&["--host", "0.0.0.0"][..], true)] {
        let mut server = serve(arguments);
        let mut line = String::new();
        BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.contains("/#token="), token, "{line}");
        let port = line.trim().split(':').nth(2).unwrap().split('/').next().unwrap();
        let mut stream = std::net::TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
        let picture = fs::read(format!("{SAMPLES}/digit.png")).unwrap();
        let head = format!(
            "POST /v1/read HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            picture.len()
        );
        stream.write_all(&[head.as_bytes(), &picture].concat()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.contains("\"text\":\"7\""),
            "{answer}"
        );
        let told = Command::new("kill").args(["-TERM", &server.id().to_string()]).status();
        assert!(told.unwrap().success());
        let output = server.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        for line in text(&output.stderr).lines() {
            let entry: Value = serde_json::from_str(line).unwrap();
            assert_eq!(entry["level"], "INFO", "{entry}");
        }
    }
}
