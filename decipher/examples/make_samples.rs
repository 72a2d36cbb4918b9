//! Makes the pictures in `samples/`: MNIST test digits on simulated paper.
//!
//! `cargo run --release -p decipher --example make_samples -- MNIST_DIRECTORY`

use std::fs;
use std::path::Path;

use decipher::data::{Dataset, load_mnist_test};
use decipher::nn::Rng;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, RgbImage, RgbaImage};

/// Each digit of a text takes the next one of its kind from the test set.
struct Writer {
    digits: Dataset,
    next: [usize; 10],
    rng: Rng,
}

/// How much ink there is at each place, 0 to 1.
struct Ink {
    width: usize,
    height: usize,
    amount: Vec<f32>,
}

impl Writer {
    /// Writes `text` (a space between numbers, `/` between lines); a digit is `size` pixels high.
    fn write(&mut self, text: &str, width: usize, height: usize, size: f32) -> Ink {
        let mut ink = Ink { width, height, amount: vec![0.0; width * height] };
        let scale = size / 20.0;
        for (line, text) in text.split('/').enumerate() {
            let mut x = 1.1 * size;
            let middle = (1.2 + 1.75 * line as f32) * size;
            for character in text.chars() {
                let Some(digit) = character.to_digit(10) else {
                    x += 1.1 * size;
                    continue;
                };
                let image = self.take(digit as u8);
                let inked = |column: &usize| (0..28).any(|row| image[row * 28 + column] > 40);
                let left = (0..28).find(inked).expect("a digit has ink") as f32;
                let right = (0..28).rfind(inked).expect("a digit has ink") as f32 + 1.0;
                let y = middle + self.between(-0.06, 0.06) * size;
                let turn = self.between(-0.06, 0.06);
                ink.stamp(&image, (x + (14.0 - left) * scale, y), scale, turn);
                x += (right - left) * scale + self.between(0.28, 0.4) * size;
            }
        }
        ink
    }

    fn take(&mut self, digit: u8) -> [u8; 784] {
        let next = &mut self.next[usize::from(digit)];
        let found = (*next..self.digits.len()).find(|&i| self.digits.label(i) == digit);
        let found = found.expect("there are a thousand of each");
        *next = found + 1;
        self.digits.image(found).try_into().expect("a digit has 784 pixels")
    }

    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.rng.uniform()
    }

    /// The ink with a pen of one colour on paper of another, under light that falls off towards
    /// the right and below, with the grain of paper and camera.
    fn paper(&mut self, ink: &Ink, paper: [f32; 3], pen: [f32; 3], dark: f32) -> RgbImage {
        let (width, height) = (ink.width as f32, ink.height as f32);
        RgbImage::from_fn(ink.width as u32, ink.height as u32, |x, y| {
            let amount = ink.amount[y as usize * ink.width + x as usize];
            let fall = (0.7 * x as f32 / width + 0.3 * y as f32 / height).powi(2);
            let light = 1.0 - dark * fall;
            let grain = self.between(-4.0, 4.0);
            let colour = |i: usize| (paper[i] + (pen[i] - paper[i]) * amount) * light + grain;
            image::Rgb(std::array::from_fn(|i| colour(i).clamp(0.0, 255.0) as u8))
        })
    }
}

impl Ink {
    /// Adds a digit, enlarged and turned, its middle at `(x, y)`.
    fn stamp(&mut self, image: &[u8; 784], (x, y): (f32, f32), scale: f32, turn: f32) {
        let pixel = |column: i32, row: i32| {
            let inside = (0..28).contains(&column) && (0..28).contains(&row);
            if inside { f32::from(image[(row * 28 + column) as usize]) / 255.0 } else { 0.0 }
        };
        let (sin, cos) = turn.sin_cos();
        let reach = (20.0 * scale) as i32;
        for (row, column) in (-reach..reach).flat_map(|r| (-reach..reach).map(move |c| (r, c))) {
            let (tx, ty) = (x as i32 + column, y as i32 + row);
            if !(0..self.width as i32).contains(&tx) || !(0..self.height as i32).contains(&ty) {
                continue;
            }
            let (dx, dy) = (column as f32 / scale, row as f32 / scale);
            let (u, v) = (cos * dx + sin * dy + 13.5, cos * dy - sin * dx + 13.5);
            let (c, r) = (u.floor(), v.floor());
            let (fx, fy) = (u - c, v - r);
            let (c, r) = (c as i32, r as i32);
            let above = pixel(c, r) * (1.0 - fx) + pixel(c + 1, r) * fx;
            let below = pixel(c, r + 1) * (1.0 - fx) + pixel(c + 1, r + 1) * fx;
            // Sharper than the enlarged digit is: a pen's edge.
            let amount = ((above * (1.0 - fy) + below * fy - 0.25) / 0.45).clamp(0.0, 1.0);
            let there = &mut self.amount[ty as usize * self.width + tx as usize];
            *there = there.max(amount);
        }
    }
}

fn jpeg(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 85).encode_image(picture).expect("it is encoded");
    bytes
}

/// A telephone's way to store a picture: on its side, with a note which way is up.
fn sideways(upright: RgbImage) -> Vec<u8> {
    let stored = DynamicImage::ImageRgb8(upright).rotate270().to_rgb8();
    let mut bytes = jpeg(&stored);
    let mut exif = b"\xff\xe1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0".to_vec();
    exif.extend(b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"); // orientation 6
    bytes.splice(2..2, exif);
    bytes
}

fn main() {
    let directory = std::env::args().nth(1).expect("the directory with MNIST");
    let digits = load_mnist_test(Path::new(&directory)).expect("MNIST's test set");
    let mut writer = Writer { digits, next: [0; 10], rng: Rng::new(1, &[]) };
    let samples = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../samples"));
    fs::create_dir_all(samples).expect("samples can be written");
    let mut labels = "file,text\n".to_owned();
    let mut label = |file: &str, text: &str| {
        labels += &format!("{file},{text}\n");
        samples.join(file)
    };
    let (cream, blue) = ([246.0, 240.0, 226.0], [38.0, 52.0, 120.0]);
    let black = [40.0, 38.0, 36.0];

    let text = "314159";
    let ink = writer.write(text, 640, 190, 80.0);
    let picture = writer.paper(&ink, cream, blue, 0.3);
    fs::write(label("number.jpg", text), jpeg(&picture)).unwrap();
    let small = DynamicImage::ImageRgb8(picture).thumbnail(320, 95);
    for file in ["number.bmp", "number.webp", "number.gif"] {
        small.save(label(file, text)).unwrap();
    }
    small.to_luma8().save(label("number.pgm", text)).unwrap();

    let ink = writer.write("7", 200, 220, 90.0);
    let picture = writer.paper(&ink, [232.0; 3], black, 0.2);
    DynamicImage::ImageRgb8(picture).to_luma8().save(label("digit.png", "7")).unwrap();

    let text = "1998 24/507 3316/42 6075";
    let ink = writer.write(text, 720, 430, 72.0);
    let picture = writer.paper(&ink, cream, black, 0.6);
    fs::write(label("page.jpg", text), jpeg(&picture)).unwrap();

    let text = "8061";
    let ink = writer.write(text, 400, 160, 64.0);
    let picture = writer.paper(&ink, [44.0, 62.0, 54.0], [226.0, 228.0, 220.0], 0.3);
    DynamicImage::ImageRgb8(picture).to_luma8().save(label("chalk.png", text)).unwrap();

    let text = "2735";
    let ink = writer.write(text, 520, 210, 84.0);
    let picture = writer.paper(&ink, cream, blue, 0.4);
    fs::write(label("phone.jpg", text), sideways(picture)).unwrap();

    let digit = writer.take(4);
    let digit = image::GrayImage::from_raw(28, 28, digit.to_vec()).expect("784 pixels");
    digit.save(label("crop-28.png", "4")).unwrap();

    let text = "905";
    let ink = writer.write(text, 320, 150, 60.0);
    let alpha = |x: u32, y: u32| (255.0 * ink.amount[y as usize * ink.width + x as usize]) as u8;
    let picture = RgbaImage::from_fn(320, 150, |x, y| image::Rgba([0, 0, 0, alpha(x, y)]));
    picture.save(label("transparent.png", text)).unwrap();

    fs::write(samples.join("labels.csv"), labels).unwrap();
}
