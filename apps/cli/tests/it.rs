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
    assert_eq!(
        objects(&run(&["test", "a.safetensors", "b.safetensors", "--format", "json"]))[0],
        *result
    );
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
fn stages_and_boxes_are_drawn_of_a_picture_on_standard_input() {
    let directory = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_decipher"))
        .args(["read", "-", "--debug-dir", "stages", "--annotate", "boxes.PNG"])
        .current_dir(directory.path())
        .stdin(fs::File::open(format!("{SAMPLES}/number.jpg")).unwrap())
        .output()
        .unwrap();
    assert_eq!(text(&output.stdout), "314159\n", "{}", text(&output.stderr));
    let mut stages: Vec<String> = fs::read_dir(directory.path().join("stages"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    stages.sort();
    let names = "1-gray 2-ink 3-mask 4-components 5-erased 6-digits 7-lines 8-glyphs".split(' ');
    assert_eq!(stages, names.map(|name| format!("stdin-{name}.png")).collect::<Vec<_>>());
    let boxes = fs::read(directory.path().join("boxes.PNG")).unwrap();
    let limits = decipher::vision::Limits::default();
    let boxes = decipher::draw::Canvas::decode(&boxes, &limits).unwrap();
    // The ink is blue, the boxes are green.
    assert!(boxes.pixels().iter().any(|&[r, g, b]| b > g.max(r).saturating_add(50)));
    assert!(boxes.pixels().iter().any(|&[r, g, b]| g > b.max(r).saturating_add(50)));
}

#[test]
fn lines_of_tsv_are_digits() {
    let output = decipher(Path::new(SAMPLES), &["read", "--format", "tsv", "chalk.png"]);
    let rows: Vec<Vec<&str>> =
        text(&output.stdout).lines().skip(1).map(|row| row.split('\t').collect()).collect();
    assert_eq!(rows.iter().map(|row| row[3]).collect::<String>(), "8061");
    assert!(rows.iter().all(|row| row.len() == 11));
}

#[test]
fn what_is_unsure_is_lost_in_no_format() {
    let read = |format: &str| {
        let arguments = ["read", "--format", format, "--min-confidence", "0.99", "page.jpg"];
        text(&decipher(Path::new(SAMPLES), &arguments).stdout).to_owned()
    };
    let printed = read("text");
    let there = "1998 24\n507 3316\n42 6075\n";
    assert_eq!(printed.len(), there.len(), "{printed}");
    assert!(printed.chars().zip(there.chars()).all(|(a, b)| a == b || a == '?'), "{printed}");
    let unsure = printed.matches('?').count();
    assert!(unsure > 0, "{printed}");

    let object: Value = serde_json::from_str(&read("json")).unwrap();
    assert_eq!(object["text"].as_str(), Some(printed.trim_end()));
    let places = object["unsure"].as_array().unwrap().iter().map(|unsure| &unsure["place"]);
    assert!(places.clone().all(|place| place["line"].is_u64() && place["before"].is_u64()));
    assert_eq!(places.count(), unsure);

    // The rows with a number make the text.
    let (mut made, mut line, mut number) = (String::new(), "1".to_owned(), "1".to_owned());
    for row in read("csv").lines().skip(1).map(|row| row.split(',').collect::<Vec<_>>()) {
        made += if line != row[1] {
            "\n"
        } else if number != row[2] {
            " "
        } else {
            ""
        };
        made += row[3];
        assert_eq!(row[3] == "?", row[10].contains('/'), "{row:?}");
        (line, number) = (row[1].into(), row[2].into());
    }
    assert_eq!(made, printed.trim_end());
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

    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/reader.safetensors");
    let whole = fs::read(model).unwrap();
    fs::write(directory.path().join("cut"), &whole[..whole.len() - 5]).unwrap();
    run(&["test", "cut"], 1, "cut");
    let mut flipped = whole;
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(directory.path().join("flipped"), flipped).unwrap();
    run(&["test", "flipped"], 1, "flipped");
}

/// Pictures that are none, or none to be read: each a sentence and exit code 1, at once.
#[test]
fn bad_pictures_are_refused_with_a_sentence() {
    let directory = tempfile::tempdir().unwrap();
    let jpeg = fs::read(format!("{SAMPLES}/number.jpg")).unwrap();
    let png = fs::read(format!("{SAMPLES}/digit.png")).unwrap();
    // Width and height are the first fields of a PNG's first chunk, whose sum follows.
    let sized = |width: u32, height: u32| {
        let mut bytes = png.clone();
        bytes[16..20].copy_from_slice(&width.to_be_bytes());
        bytes[20..24].copy_from_slice(&height.to_be_bytes());
        let sum = crc(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&sum.to_be_bytes());
        bytes
    };
    let mut noise = jpeg.clone();
    noise[200..].iter_mut().for_each(|b| *b = b.wrapping_mul(31) ^ 0x5a);
    let cases: [(&str, Vec<u8>, &str); 8] = [
        ("empty.png", vec![], "0 bytes"),
        ("text.png", b"no picture".to_vec(), "known format"),
        ("cut.png", png[..png.len() / 2].to_vec(), "cut off or damaged"),
        ("cut.jpg", jpeg[..300].to_vec(), "cut off or damaged"),
        ("noise.jpg", noise, "damaged"),
        ("zero.png", sized(0, 0), "no pixels"),
        ("long.png", sized(1, 100_000), "too large"),
        ("bomb.png", sized(29_999, 29_999), "too large"),
    ];
    for (name, bytes, says) in cases {
        fs::write(directory.path().join(name), bytes).unwrap();
        let output = decipher(directory.path(), &["read", name]);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name}: {error}");
        assert!(error.contains(name) && error.contains(says), "{name}: {error}");
        assert!(output.stdout.is_empty() && !error.contains("panicked"), "{name}: {error}");
    }
}

/// The checksum of PNG's chunks (CRC-32).
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |s, _| (s >> 1) ^ (0xedb8_8320 & (s & 1).wrapping_neg()))
    })
}

#[test]
fn a_broken_run_goes_on_without_reading_twice_or_losing_a_row() {
    let directory = tempfile::tempdir().unwrap();
    for (i, file) in ["number.jpg", "digit.png", "chalk.png", "page.jpg"].iter().enumerate() {
        let to = directory.path().join(format!("in/{i}/{file}"));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(format!("{SAMPLES}/{file}"), to).unwrap();
    }
    fs::write(directory.path().join("in/1/broken.png"), "no picture").unwrap();
    for format in ["json", "tsv", "csv"] {
        let run = || {
            let arguments = ["read", "in", "--format", format, "--resume", "out"];
            let output = decipher(directory.path(), &arguments);
            assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
            fs::read(directory.path().join("out")).unwrap()
        };
        let whole = run();
        assert!(whole.ends_with(b"\n"));
        // Broken off at any byte, the second run makes the same file, and ends with the same exit code:
        // a failure is not read again where its row is whole, but is one still.
        for cut in [0, 1, whole.len() / 3, whole.len() / 2, whole.len() - 1, whole.len()] {
            fs::write(directory.path().join("out"), &whole[..cut]).unwrap();
            let again = run();
            assert!(again == whole, "{format} cut at {cut}: {}", text(&again));
        }
        fs::remove_file(directory.path().join("out")).unwrap();
    }
}

/// A picture that is listed twice, also twice in succession, and one that is none.
#[test]
fn a_run_that_goes_on_reads_a_name_as_often_as_it_is_listed() {
    let directory = tempfile::tempdir().unwrap();
    for file in ["chalk.png", "digit.png"] {
        fs::copy(format!("{SAMPLES}/{file}"), directory.path().join(file)).unwrap();
    }
    fs::write(directory.path().join("none.png"), "").unwrap();
    let list = "chalk.png\nnone.png\nnone.png\nchalk.png\nchalk.png\ndigit.png\n";
    fs::write(directory.path().join("list"), list).unwrap();
    for format in ["json", "tsv", "csv"] {
        let out = directory.path().join(format);
        let run = || {
            let arguments = ["read", "--list", "list", "--format", format, "--resume", format];
            let output = decipher(directory.path(), &arguments);
            assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
            (fs::read(&out).unwrap(), text(&output.stderr).to_owned())
        };
        let (whole, _) = run();
        let ends = (0..whole.len()).filter(|&i| whole[i] == b'\n').map(|i| i + 1);
        for cut in ends {
            fs::write(&out, &whole[..cut]).unwrap();
            let (again, _) = run();
            assert!(again == whole, "{format} cut at {cut}: {}", text(&again));
        }
        let (_, error) = run();
        assert!(error.contains("2 of the pictures that are done already"), "{error}");
    }
}

#[test]
fn a_table_of_an_earlier_version_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    fs::copy(format!("{SAMPLES}/digit.png"), directory.path().join("digit.png")).unwrap();
    let columns = "file,line,number,digit,confidence,x,y,width,height,error";
    for (format, header) in [("csv", columns.to_owned()), ("tsv", columns.replace(',', "\t"))] {
        for (header, says) in [(&*header, "an earlier version"), ("a,b", "is it another file?")] {
            let table = format!("{header}\n");
            fs::write(directory.path().join("r"), &table).unwrap();
            let arguments = ["read", "digit.png", "--format", format, "--resume", "r"];
            let output = decipher(directory.path(), &arguments);
            assert_ne!(output.status.code(), Some(0));
            assert!(text(&output.stderr).contains(says), "{}", text(&output.stderr));
            assert_eq!(fs::read_to_string(directory.path().join("r")).unwrap(), table);
        }
    }
}

#[cfg(unix)]
#[test]
fn names_that_are_no_text_are_kept_apart_and_do_nothing_to_a_terminal() {
    use std::os::unix::ffi::OsStrExt;
    let directory = tempfile::tempdir().unwrap();
    let names: [&[u8]; 3] = [b"a\xfe.png", b"a\xff.png", b"a\n\x1b[31m.png"];
    for name in names {
        let name = std::ffi::OsStr::from_bytes(name);
        fs::copy(format!("{SAMPLES}/digit.png"), directory.path().join(name)).unwrap();
    }
    let printed = decipher(directory.path(), &["read", "."]);
    let printed = text(&printed.stdout);
    assert_eq!(printed, "./a\\x0a\\x1b[31m.png: 7\n./a\\xfe.png: 7\n./a\\xff.png: 7\n");
    for (format, rows) in [("json", 3), ("tsv", 4), ("csv", 4)] {
        let run =
            || decipher(directory.path(), &["read", ".", "--format", format, "--resume", "r"]);
        run();
        let whole = fs::read_to_string(directory.path().join("r")).unwrap();
        assert_eq!(whole.lines().count(), rows, "{whole}");
        run();
        assert_eq!(fs::read_to_string(directory.path().join("r")).unwrap(), whole);
        fs::remove_file(directory.path().join("r")).unwrap();
    }
}

#[test]
fn folders_patterns_and_lists_name_the_same_pictures() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("in")).unwrap();
    for file in ["chalk.png", "digit.png"] {
        fs::copy(format!("{SAMPLES}/{file}"), directory.path().join("in").join(file)).unwrap();
    }
    fs::write(directory.path().join("in/notes.txt"), "not a picture").unwrap();
    fs::write(directory.path().join("list"), "in/chalk.png\r\n\nin/digit.png\n").unwrap();
    let read = |arguments: &[&str]| {
        let output = decipher(directory.path(), &[&["read"], arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout).to_owned()
    };
    let expected = "in/chalk.png: 8061\nin/digit.png: 7\n";
    for arguments in [&["in"][..], &["in/*.png"], &["--list", "list"]] {
        assert_eq!(read(arguments), expected, "{arguments:?}");
    }
    read(&["in/chalk.png", "--annotate", "boxes.png"]);
    let before = fs::read(directory.path().join("in/chalk.png")).unwrap();
    let over =
        decipher(directory.path(), &["read", "in/chalk.png", "--annotate", "./in/chalk.png"]);
    assert_eq!(over.status.code(), Some(1));
    assert!(text(&over.stderr).contains("would write over the picture"), "{}", text(&over.stderr));
    assert_eq!(fs::read(directory.path().join("in/chalk.png")).unwrap(), before);
    let jpeg = decipher(directory.path(), &["read", "in/chalk.png", "--annotate", "boxes.jpg"]);
    assert_eq!(jpeg.status.code(), Some(1));
    assert!(text(&jpeg.stderr).contains("ends in .png"), "{}", text(&jpeg.stderr));
    assert!(jpeg.stdout.is_empty() && !directory.path().join("boxes.jpg").exists());
    let none = decipher(directory.path(), &["read", "in/*.tiff"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(text(&none.stderr).contains("no picture is there"), "{}", text(&none.stderr));
    assert!(fs::read(directory.path().join("boxes.png")).unwrap().starts_with(b"\x89PNG"));
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
