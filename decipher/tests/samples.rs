//! The pictures in `samples/`, read with the network that is built in.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use decipher::recognizer::Recognizer;
use decipher::vision::{Limits, decode};

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../samples");

/// Names and texts, as `labels.csv` lists them; `/` parts lines.
fn labels() -> Vec<(String, String)> {
    let labels = fs::read_to_string(Path::new(SAMPLES).join("labels.csv")).unwrap();
    let split = |line: &str| line.split_once(',').map(|(a, b)| (a.into(), b.into())).unwrap();
    labels.lines().skip(1).map(split).collect()
}

#[test]
fn every_sample_is_read() {
    let recognizer = Recognizer::bundled();
    for (file, text) in labels() {
        let picture = fs::read(Path::new(SAMPLES).join(&file)).unwrap();
        let picture = decode(&picture, &Limits::default()).unwrap();
        let reading = recognizer.read(&picture);
        assert_eq!(reading.text().replace('\n', "/"), text, "{file}");
        assert!(reading.unsure.is_empty(), "{file}: {:?}", reading.unsure);
        for digit in reading.lines.iter().flat_map(|line| &line.digits) {
            let bounds = digit.bounds;
            assert!(bounds.right() <= picture.width() && bounds.bottom() <= picture.height());
        }
    }
}

#[test]
fn every_sample_is_labelled() {
    let files = fs::read_dir(SAMPLES).unwrap().map(|entry| entry.unwrap().file_name());
    let files: BTreeSet<String> = files.map(|name| name.into_string().unwrap()).collect();
    let known = labels().into_iter().map(|(file, _)| file);
    let known: BTreeSet<String> = known.chain(["README.md".into(), "labels.csv".into()]).collect();
    assert_eq!(files, known);
}
