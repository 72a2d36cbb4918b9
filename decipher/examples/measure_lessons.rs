//! Measures lessons: how long they take, what they are good for, and what is forgotten.
//!
//! `cargo run --release -p decipher --example measure_lessons -- [--seeds N] [PICTURES]`
//!
//! Two hands are taught to the built-in network: built-in digits that lean by 50 degrees, and, where
//! PICTURES has it, the half of `nsysu_108` (pale digits of exam sheets) that the network has not
//! learned from. `none` are 2,000 photographs of no digit, drawn here: the share that is called one
//! with 0.5 or more.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use decipher::data::{Dataset, sample};
use decipher::distort::Distortion;
use decipher::model::Model;
use decipher::nn::Rng;
use decipher::scene::{Examples, NONE, Part, SceneMix, Scenes};
use decipher::teach::{held_back, teach};
use decipher::train::Options;

/// Photographs of no digit.
const OTHERS: usize = 2_000;
/// Sizes of lessons, in digits, of which a quarter is held back.
const SIZES: [usize; 3] = [20, 80, 240];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (mut seeds, mut pictures) = (3, None);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--seeds" => seeds = arguments.next().and_then(|n| n.parse().ok()).expect("a number"),
            _ => pictures = Some(argument),
        }
    }
    let digits = sample().range(2_500..2_740);
    let leaning = Distortion::Rotation.apply(digits.images(), -50.0);
    let mut hands =
        vec![("leaning", Dataset::new(leaning, digits.labels().to_vec()).expect("as many"))];
    if let Some(folder) = &pictures {
        hands.push(("exam sheets", exam_sheets(Path::new(folder))));
    }
    let none = no_digits();
    println!(
        "hand, digits: seconds; mine; built-in; none called a digit; lost (median of {seeds} seeds)"
    );
    for (hand, digits) in &hands {
        for size in SIZES.into_iter().filter(|&size| size <= digits.len()) {
            let rows: Vec<[f64; 9]> =
                (1..=seeds).map(|seed| lesson(digits, size, seed, &none)).collect();
            let [seconds, before, after, kept, left, claimed, then, few, lost] =
                std::array::from_fn(|i| {
                    let mut column: Vec<f64> = rows.iter().map(|row| row[i]).collect();
                    column.sort_by(f64::total_cmp);
                    column[column.len() / 2]
                });
            println!(
                "{hand}, {size}: {seconds:.2} s; {before:.1} -> {after:.1} %; {kept:.1} -> {left:.1} %; {claimed:.1} -> {then:.1} %; {few:.1} -> {lost:.1} %"
            );
        }
    }
}

/// Seconds, and then shares in per cent before and after: own digits right that were held back;
/// built-in ones right; photographs of no digit called one; built-in
/// digits not called one.
fn lesson(hand: &Dataset, size: usize, seed: u64, none: &[u8]) -> [f64; 9] {
    let model = Model::bundled();
    let mut order: Vec<usize> = (0..hand.len()).collect();
    Rng::new(seed, &[1]).shuffle(&mut order);
    let mine = hand.select(&order[..size]);
    let options = Options { epochs: None, seed, threads: 1 };
    let started = Instant::now();
    let lesson = teach(&model, &mine, options, &mut |_, _| ControlFlow::Continue(()));
    let seconds = started.elapsed().as_secs_f64();
    let lesson = lesson.expect("it can be taught");
    let claimed = |model: &Model, images: &[u8]| {
        let all = model.probabilities(images);
        let digits = all.iter().filter(|p| p.iter().any(|&p| p >= 0.5)).count();
        100.0 * digits as f64 / all.len() as f64
    };
    let own = lesson.mine.expect("some are held back");
    [
        seconds,
        100.0 * own.before,
        100.0 * own.after,
        100.0 * lesson.others.before,
        100.0 * lesson.others.after,
        claimed(&model, none),
        claimed(&lesson.model, none),
        100.0 - claimed(&model, held_back().images()),
        100.0 - claimed(&lesson.model, held_back().images()),
    ]
}

fn no_digits() -> Vec<u8> {
    let digits = sample();
    let nothing = Examples::default();
    let mix = SceneMix { share: 1.0, none: 1.0, touching: 0.0 };
    let scenes = Scenes { digits: &digits, pictures: &nothing, things: &nothing, mix };
    let one = |i: usize| scenes.example(i, &mut Rng::new(99, &[i as u64]));
    (0..OTHERS)
        .map(one)
        .inspect(|(_, class)| assert!(*class == NONE))
        .flat_map(|(image, _)| image)
        .collect()
}

fn exam_sheets(pictures: &Path) -> Dataset {
    let examples = Examples::from_folder(&pictures.join("nsysu_108"), Part::HeldBack);
    let examples = examples.expect("the folder nsysu_108 is read");
    let digits = (0..examples.len()).filter(|&i| examples.class(i) < NONE);
    let (images, labels): (Vec<_>, Vec<_>) =
        digits.map(|i| (examples.image(i), examples.class(i))).unzip();
    Dataset::new(images.concat(), labels).expect("as many")
}
