//! Scores pictures that are made here: numbers of 2 to 8 digits, the same in a sharp shadow, touching
//! pairs, cells of puzzles, and what is no digit.
//!
//! `cargo run --release -p decipher --example score_built -- [--test] [--model FILE] [--things DIR]
//! [--sheet OUT.png] MNIST_DIRECTORY`
//!
//! The digits are the last 5,000 of MNIST's training set, which no recipe learns from; with
//! `--test`, for reporting only, those of the test set. `--things` are files as MNIST's of what is
//! no digit (Fashion-MNIST's test set).

use std::path::{Path, PathBuf};

use decipher::data::{Dataset, load_mnist, load_mnist_test};
use decipher::draw::Canvas;
use decipher::image::GrayImage;
use decipher::model::Model;
use decipher::nn::Rng;
use decipher::recognizer::Recognizer;
use decipher::scene::{self, Examples, NONE, Number, SceneMix, Scenes};
use rayon::prelude::*;

const NUMBERS: u64 = 2_000;
/// Pictures of no digit, and those that are drawn here if there are things besides.
const OTHERS: usize = 10_000;
const DRAWN: usize = 5_000;
/// Most failures of a kind on the sheet.
const SHOWN: usize = 48;

fn main() {
    let (mut model, mut test, mut things, mut sheet) = (Model::bundled(), false, None, None);
    let mut folder = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || PathBuf::from(arguments.next().expect("a value follows"));
        match argument.as_str() {
            "--test" => test = true,
            "--model" => model = Model::load(&value()).expect("the model is read"),
            "--things" => things = Some(value()),
            "--sheet" => sheet = Some(value()),
            _ => folder = Some(PathBuf::from(argument)),
        }
    }
    let folder = folder.expect("the directory with MNIST");
    let digits = if test {
        load_mnist_test(&folder).expect("MNIST's test set")
    } else {
        let train = load_mnist(&folder).expect("MNIST").train;
        train.range(train.len() - 5_000..train.len())
    };
    let recognizer = Recognizer::new(model);
    let wrong = [
        numbers(&recognizer, &digits, Kind::Apart),
        numbers(&recognizer, &digits, Kind::Shaded),
        numbers(&recognizer, &digits, Kind::Touching),
        cells(&recognizer, &digits),
    ];
    others(&recognizer, &digits, things.as_deref());
    if let Some(path) = sheet {
        let shown = wrong.iter().flat_map(|wrong| wrong.iter().take(SHOWN)).collect();
        std::fs::write(path, drawn(shown).png()).expect("the sheet is written");
    }
}

/// A number, and what was read instead.
type Wrong = (Number, String);

/// A kind of numbers.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Apart,
    Shaded,
    Touching,
}

/// How many numbers are read as they stand there; and those that are not.
fn numbers(recognizer: &Recognizer, digits: &Dataset, kind: Kind) -> Vec<Wrong> {
    let touching = kind == Kind::Touching;
    let read = |i: u64| {
        let mut rng = Rng::new(7, &[i, touching.into()]);
        let length = if touching { 2 } else { 2 + rng.below(7) as usize };
        let mut number = scene::number(digits, length, touching, &mut rng);
        if kind == Kind::Shaded {
            shade(&mut number.picture, &mut rng);
        }
        let read = recognizer.read(&number.picture).text().replace(' ', "");
        (number, read)
    };
    let all: Vec<Wrong> = (0..NUMBERS).into_par_iter().map(read).collect();
    let what = match kind {
        Kind::Apart => "numbers of 2 to 8 digits",
        Kind::Shaded => "the same in a sharp shadow",
        Kind::Touching => "touching pairs",
    };
    let exact = |name: &str, of: &dyn Fn(&Number) -> bool| {
        let right: Vec<bool> =
            all.iter().filter(|(n, _)| of(n)).map(|(n, read)| n.text == *read).collect();
        let share = right.iter().filter(|right| **right).count() as f64 / right.len() as f64;
        println!("{what}, {name}: {:.2} % of {} exact", 100.0 * share, right.len());
    };
    exact("all", &|_| true);
    exact("on ruled paper", &|number| number.ruled);
    exact("on plain paper", &|number| !number.ruled);
    all.into_iter().filter(|(number, read)| number.text != *read).collect()
}

/// Throws the shadow of a pen, or of a sheet, across the picture: it takes 20 to 55 % of the light,
/// from one pixel to the next or within three.
fn shade(picture: &mut GrayImage, rng: &mut Rng) {
    let (width, height) = (picture.width(), picture.height());
    let (down, across) = (std::f32::consts::PI * rng.uniform()).sin_cos();
    let (x, y) = (width as f32 * rng.uniform(), height as f32 * rng.uniform());
    let broad = if rng.uniform() < 0.5 { height as f32 * (0.1 + rng.uniform()) } else { f32::MAX };
    let (kept, soft) = (0.45 + 0.35 * rng.uniform(), 0.5 + rng.uniform());
    for (i, value) in picture.pixels_mut().iter_mut().enumerate() {
        let to = ((i % width) as f32 - x) * across + ((i / width) as f32 - y) * down;
        let inside = (0.5 + to.min(broad - to) / (2.0 * soft)).clamp(0.0, 1.0);
        *value = (f32::from(*value) * (1.0 - inside * (1.0 - kept))) as u8;
    }
}

/// How many cells are read as they are: with a digit, or empty; and those that are not.
fn cells(recognizer: &Recognizer, digits: &Dataset) -> Vec<Wrong> {
    let read = |i: u64| {
        let number = scene::cell(digits, &mut Rng::new(9, &[i]));
        let read = recognizer.read(&number.picture).text();
        (number, read)
    };
    let all: Vec<Wrong> = (0..NUMBERS).into_par_iter().map(read).collect();
    for (what, empty) in [("cells with a digit", false), ("empty cells", true)] {
        let of: Vec<&Wrong> = all.iter().filter(|(n, _)| n.text.is_empty() == empty).collect();
        let right = of.iter().filter(|(n, read)| n.text == *read).count();
        println!("{what}: {:.2} % of {}", 100.0 * right as f64 / of.len() as f64, of.len());
    }
    all.into_iter().filter(|(number, read)| number.text != *read).collect()
}

/// How many pictures of no digit are called a digit with confidence.
fn others(recognizer: &Recognizer, digits: &Dataset, things: Option<&Path>) {
    let (empty, mut glyphs) = (Examples::default(), Vec::new());
    let mix = SceneMix { share: 1.0, none: 0.999, touching: 0.0 };
    let scenes = Scenes { digits, pictures: &empty, things: &empty, mix };
    let drawn = if things.is_some() { DRAWN } else { OTHERS };
    for i in 0..drawn as u64 + 100 {
        let (glyph, class) = scenes.example(i as usize % digits.len(), &mut Rng::new(8, &[i]));
        if class == NONE {
            glyphs.extend(glyph);
        }
    }
    if let Some(directory) = things {
        let things = load_mnist_test(directory).expect("files as MNIST's");
        glyphs.extend(&things.images()[..(OTHERS - DRAWN) * Dataset::PIXELS]);
    }
    let claimed = |p: &&[f32; 10]| p.iter().any(|&p| p >= 0.9);
    let probabilities = recognizer.model().probabilities(&glyphs);
    let count = probabilities.iter().filter(claimed).count();
    let share = 100.0 * count as f64 / probabilities.len() as f64;
    println!("no digits: {share:.2} % of {} called a digit at 0.9", probabilities.len());
}

fn drawn(shown: Vec<&Wrong>) -> Canvas {
    const CELL: (usize, usize) = (300, 110);
    let rows = shown.len().div_ceil(4).max(1);
    let mut canvas = Canvas::filled(4 * CELL.0, rows * CELL.1, [235, 235, 245]);
    for (i, (Number { picture, text, .. }, read)) in shown.iter().enumerate() {
        let (x, y) = (i % 4 * CELL.0, i / 4 * CELL.1);
        canvas.paste(picture, x, y);
        canvas.fill(&decipher::image::Rect { x, y: y + 98, width: 300, height: 12 }, [255; 3]);
        canvas.text(&format!("{text} : {}", read.replace('\n', "/")), x, y + 100, 1, [200, 0, 0]);
    }
    canvas
}
