//! Scores every folder of labelled pictures, and draws what went wrong.
//!
//! `cargo run --release -p decipher --example score_pictures -- [--model FILE] [--sheets DIR] [--held-back] PICTURES`
//!
//! `PICTURES` holds folders with a `labels.csv` each: `file,label` (one digit, or the name of
//! something that is no digit) or `file,text` (several digits, `/` = next line). With `--held-back`
//! only those pictures of a list of labels are scored that `decipher train --pictures` leaves out.

use std::path::{Path, PathBuf};

use decipher::draw::Canvas;
use decipher::image::GrayImage;
use decipher::model::Model;
use decipher::recognizer::{Digit, Reading, Recognizer};
use decipher::scene::Part;
use decipher::vision::{Limits, decode};
use rayon::prelude::*;

/// A picture, what is on it, and what was read.
struct Item {
    file: String,
    /// The digits that are there, `/` between lines; `None` if there are none.
    truth: Option<String>,
    picture: GrayImage,
    auto: Answer,
    single: Answer,
}

/// What a reading says, whether sure or not.
struct Answer {
    /// As the command prints it, without spaces and with `/` between lines.
    printed: String,
    /// The best guess, where nothing was sure enough to be printed.
    guess: String,
    /// The least confidence of the digits in `guess`.
    confidence: f32,
    /// All that was found: digit, confidence, and what the network saw.
    found: Vec<(u8, f32, Vec<u8>)>,
}

/// Confidence from which on a digit counts as claimed.
const CLAIMED: f32 = 0.9;

impl Answer {
    fn new(reading: &Reading) -> Self {
        let printed = reading.text().replace(' ', "").replace('\n', "/");
        let digits = reading.lines.iter().flat_map(|line| &line.digits);
        let mut found: Vec<_> =
            digits.map(|d: &Digit| (d.digit, d.confidence, d.pixels.to_vec())).collect();
        let (mut guess, mut confidence) =
            (printed.clone(), found.iter().map(|f| f.1).fold(1.0, f32::min));
        found.extend(reading.unsure.iter().map(|u| {
            let (digit, p) = u.candidates[0];
            (digit, p, u.pixels.to_vec())
        }));
        if printed.is_empty() {
            let best = found.iter().max_by(|a, b| a.1.total_cmp(&b.1));
            (guess, confidence) =
                best.map_or(("".into(), 0.0), |best| (best.0.to_string(), best.1));
        }
        Self { printed, guess, confidence, found }
    }
}

fn read_folder(recognizer: &Recognizer, folder: &Path, part: Part) -> Vec<Item> {
    let labels = std::fs::read_to_string(folder.join("labels.csv")).expect("labels.csv is read");
    let part = if labels.starts_with("file,label") { part } else { Part::All };
    let rows = part.rows(&labels);
    rows.par_iter()
        .map(|&(file, label)| {
            let bytes = std::fs::read(folder.join(file)).expect("the picture is read");
            let picture = decode(&bytes, &Limits::default()).expect("the picture is unpacked");
            let digits = label.chars().all(|c| c.is_ascii_digit() || c == '/');
            let file = if digits { file.into() } else { format!("{file} {label}") };
            let truth = digits.then(|| label.to_owned());
            let auto = Answer::new(&recognizer.read(&picture));
            let single = Answer::new(&recognizer.read_single(&picture));
            Item { file, truth, picture, auto, single }
        })
        .collect()
}

/// Characters to be changed, put in or taken out to make one text of the other.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// What is said of one way to read, over some pictures.
#[derive(Default)]
struct Score {
    digits: usize,
    digit_errors: usize,
    exact: usize,
    guessed: usize,
    pictures: usize,
    claimed: usize,
    claimed_right: usize,
    nothing: usize,
    nothing_claimed: usize,
    /// For each picture of one digit or none.
    answers: Vec<Scored>,
}

/// The answer to a picture of one digit or none.
#[derive(Clone, Copy)]
struct Scored {
    confidence: f32,
    right: bool,
    digit: bool,
}

impl Score {
    fn add(&mut self, item: &Item, answer: &Answer) {
        let claims = answer.found.iter().filter(|f| f.1 >= CLAIMED);
        let Some(truth) = &item.truth else {
            self.nothing += 1;
            self.nothing_claimed += usize::from(claims.count() > 0);
            let confidence = answer.confidence;
            self.answers.push(Scored { confidence, right: false, digit: false });
            return;
        };
        self.pictures += 1;
        self.digits += truth.bytes().filter(u8::is_ascii_digit).count();
        let bare = |text: &str| text.replace('/', "");
        self.digit_errors += distance(&bare(truth), &bare(&answer.printed));
        self.exact += usize::from(answer.printed == *truth);
        self.guessed += usize::from(answer.guess == *truth);
        // Of several digits, one is taken as right if it occurs in the text.
        for claim in claims {
            self.claimed += 1;
            self.claimed_right += usize::from(truth.contains(&claim.0.to_string()));
        }
        if truth.len() == 1 {
            let (confidence, right) = (answer.confidence, answer.guess == *truth);
            self.answers.push(Scored { confidence, right, digit: true });
        }
    }

    /// The share of the digits answered at the lowest confidence where at most 1 % of all answers
    /// are wrong, answers to what is no digit among them.
    fn coverage(&self) -> f64 {
        let mut answers = self.answers.clone();
        answers.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        let (mut right, mut best) = (0, 0);
        for (n, answer) in answers.iter().enumerate() {
            right += usize::from(answer.right);
            if (n + 1 - right) * 100 <= n + 1 {
                best = right;
            }
        }
        best as f64 / (self.answers.len() - self.nothing).max(1) as f64
    }

    /// How often answers of a confidence are right, what is no digit counted as wrong.
    fn print_calibration(&self) {
        println!("confidence   answers  mean %  right %");
        for bin in [0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.01].windows(2) {
            let answers = self.answers.iter().filter(|a| (bin[0]..bin[1]).contains(&a.confidence));
            let answers: Vec<&Scored> = answers.collect();
            let n = answers.len().max(1) as f64;
            let mean = answers.iter().map(|a| f64::from(a.confidence)).sum::<f64>() / n;
            let right = answers.iter().filter(|a| a.right).count() as f64 / n;
            println!(
                "{:.2} - {:.2}{:>10}{:>8.1}{:>9.1}",
                bin[0],
                bin[1].min(1.0),
                answers.len(),
                100.0 * mean,
                100.0 * right
            );
        }
    }

    /// What a least confidence makes of digits and of what is none.
    fn print_thresholds(&self) {
        println!("reported from  digits right %  wrong %  refused %  no digits reported %");
        let digits = (self.answers.len() - self.nothing).max(1) as f64;
        for least in [0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9] {
            let count = |what: fn(&Scored) -> bool| {
                self.answers.iter().filter(|a| a.confidence >= least && what(a)).count() as f64
            };
            let (right, wrong) = (count(|a| a.right), count(|a| a.digit && !a.right));
            println!(
                "{least:<13.2}{:>16.2}{:>9.2}{:>11.2}{:>22.2}",
                100.0 * right / digits,
                100.0 * wrong / digits,
                100.0 * (digits - right - wrong) / digits,
                100.0 * count(|a| !a.digit) / self.nothing.max(1) as f64
            );
        }
    }

    fn row(&self, name: &str) -> String {
        let percent = |part: usize, all: usize| match all {
            0 => "-".into(),
            _ => format!("{:.2}", 100.0 * part as f64 / all as f64),
        };
        format!(
            "{name:<24}{:>6} {:>8} {:>8} {:>8} {:>8}{:>8} {:>10} {:>7}",
            self.pictures + self.nothing,
            percent(self.digits.saturating_sub(self.digit_errors), self.digits),
            percent(self.exact, self.pictures),
            percent(self.guessed, self.pictures),
            format!("{}", self.pictures - self.guessed),
            percent(self.claimed_right, self.claimed),
            percent(self.nothing_claimed, self.nothing),
            if self.digits == 0 { "-".into() } else { format!("{:.1}", 100.0 * self.coverage()) },
        )
    }
}

const CELL: (usize, usize) = (150, 122);
const COLUMNS: usize = 8;
const MOST: usize = 160;

/// What went wrong: the picture, what the network saw, what was read, what is right.
fn sheet(items: &[(&Item, &Answer)]) -> Canvas {
    let shown = &items[..items.len().min(MOST)];
    let rows = shown.len().div_ceil(COLUMNS).max(1);
    let mut canvas = Canvas::filled(COLUMNS * CELL.0, rows * CELL.1, [235, 235, 245]);
    for (i, (item, answer)) in shown.iter().enumerate() {
        let (x, y) = (i % COLUMNS * CELL.0 + 2, i / COLUMNS * CELL.1 + 2);
        canvas.paste(&fitted(&item.picture, 84), x, y);
        for (row, (digit, p, pixels)) in answer.found.iter().take(2).enumerate() {
            let ink = pixels.iter().map(|v| 255 - v).collect();
            canvas.paste(&fitted(&GrayImage::new(28, 28, ink), 42), x + 88, y + row * 43);
            canvas.text(&format!("{digit}"), x + 134, y + row * 43, 1, [0; 3]);
            canvas.text(&format!("{:.0}", 100.0 * p), x + 132, y + row * 43 + 10, 1, [0; 3]);
        }
        let name = item.file.rsplit('/').next().unwrap_or_default();
        canvas.text(&name[..name.len().min(23)], x, y + 88, 1, [90; 3]);
        let truth = item.truth.as_deref().unwrap_or("none");
        let text = format!("{truth:.8}:{:.8}", answer.guess);
        canvas.text(&text, x, y + 99, 1, [200, 0, 0]);
        canvas.text(&format!("{:.2}", answer.confidence), x + 110, y + 99, 1, [0, 0, 200]);
    }
    canvas
}

/// The picture in a square of `side` pixels, by the nearest pixel.
fn fitted(picture: &GrayImage, side: usize) -> GrayImage {
    let long = picture.width().max(picture.height());
    let (width, height) = (picture.width() * side / long, picture.height() * side / long);
    let (width, height) = (width.max(1), height.max(1));
    let pixel = |i: usize| {
        picture.row(i / width * picture.height() / height)[i % width * picture.width() / width]
    };
    GrayImage::new(width, height, (0..width * height).map(pixel).collect())
}

fn main() {
    let (mut model, mut sheets, mut folder) = (Model::bundled(), None, None);
    let mut part = Part::All;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().expect("a value follows");
        match argument.as_str() {
            "--model" => model = Model::load(Path::new(&value())).expect("the model is read"),
            "--held-back" => part = Part::HeldBack,
            "--sheets" => sheets = Some(PathBuf::from(value())),
            _ => folder = Some(PathBuf::from(argument)),
        }
    }
    let folder = folder.expect("the folder with folders of pictures");
    let recognizer = Recognizer::new(model);
    let entries = std::fs::read_dir(&folder).expect("the folder is read");
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    folders.retain(|folder| folder.join("labels.csv").exists());
    folders.sort();

    println!(
        "{:<24}{:>6} {:>8} {:>8} {:>8} {:>8}{:>8} {:>10} {:>7}",
        "folder, way",
        "n",
        "digits %",
        "exact %",
        "guess %",
        "wrong",
        ">=.9 ok",
        "false .9 %",
        "cover %"
    );
    let (mut auto, mut single) = (Score::default(), Score::default());
    for folder in &folders {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let items = read_folder(&recognizer, folder, part);
        type Way = (&'static str, fn(&Item) -> &Answer);
        let ways: [Way; 2] = [("auto", |item| &item.auto), ("single", |item| &item.single)];
        for ((way, answer), all) in ways.into_iter().zip([&mut auto, &mut single]) {
            let mut score = Score::default();
            for item in &items {
                // A page is none the less a page, so it is not read as a single digit.
                if way == "auto" || item.truth.as_ref().is_none_or(|t| t.len() == 1) {
                    score.add(item, answer(item));
                    all.add(item, answer(item));
                }
            }
            println!("{}", score.row(&format!("{name} {way}")));
            if let Some(sheets) = &sheets {
                let wrong = |item: &&Item| match &item.truth {
                    Some(truth) => answer(item).guess != *truth,
                    None => answer(item).confidence >= CLAIMED,
                };
                let wrong: Vec<_> = items.iter().filter(wrong).map(|i| (i, answer(i))).collect();
                std::fs::create_dir_all(sheets).expect("the sheets' folder is made");
                let path = sheets.join(format!("{name}-{way}.png"));
                std::fs::write(path, sheet(&wrong).png()).expect("the sheet is written");
            }
        }
    }
    println!("{}\n{}\n", auto.row("all auto"), single.row("all single"));
    auto.print_calibration();
    auto.print_thresholds();
}
