//! Training pictures: digits, and what is none, written on paper, photographed, and read back.
//!
//! `shapes` says how characters are written, `pen` writes them, `paper` photographs them.
//! `touching` lets digits touch and cuts them.
//! [`Scenes`] then sends the photograph through the same [`vision`] as any other
//! picture, so that a network learns from what it will see.

mod cell;
mod examples;
mod number;
mod paper;
mod pen;
mod shapes;
mod touching;

use decipher_nn::Rng;
use serde::Deserialize;

use crate::data::Dataset;
use crate::image::GrayImage;
use crate::vision;

pub use cell::cell;
pub use examples::{Examples, Part, PicturesError};
pub use number::{Number, number};
use paper::Paper;
use pen::{Ink, Place, Waves};

/// The class of what is no digit, after the ten digits.
pub const NONE: u8 = 10;

/// The `[training]` field `scenes` of a recipe.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SceneMix {
    /// How many of the training digits are photographed, 0 to 1; the others stay as they are.
    pub share: f32,
    /// How many of the photographs show no digit, 0 to below 1.
    pub none: f32,
    /// How many of the photographs show digits that touch each other, cut as the reader may cut
    /// them: a right cut leaves a digit, a wrong one or none leaves no digit. 0 to below 1.
    #[serde(default)]
    pub touching: f32,
}

impl SceneMix {
    pub(crate) fn check(&self) -> Result<(), String> {
        let Self { share, none, touching } = *self;
        let part = 0.0..1.0;
        if (0.0..=1.0).contains(&share)
            && part.contains(&none)
            && part.contains(&touching)
            && none + touching < 1.0
        {
            return Ok(());
        }
        Err(format!(
            "scenes = {{ share = {share}, none = {none}, touching = {touching} }}: \
             share is 0 to 1, none and touching together are 0 to below 1"
        ))
    }
}

/// Draws training pictures without end.
#[derive(Clone, Copy, Debug)]
pub struct Scenes<'a> {
    /// MNIST's digits.
    pub digits: &'a Dataset,
    /// Glyphs cut out of real pictures; may be empty.
    pub pictures: &'a Examples,
    /// Pictures of other things; may be empty.
    pub things: &'a Examples,
    /// What the pictures show.
    pub mix: SceneMix,
}

/// What is written, at its place.
enum Written<'a> {
    Lines { lines: Vec<Vec<[f32; 2]>>, width: f32 },
    Image(&'a [u8]),
    Pair([&'a [u8]; 2]),
    Half(&'a [u8]),
    Mirrored(&'a [u8]),
    Nothing,
}

impl Scenes<'_> {
    /// A glyph as it was read back from a photograph, and its class. Digit `index` of MNIST may be
    /// the one in it.
    pub fn example(&self, index: usize, rng: &mut Rng) -> ([u8; Dataset::PIXELS], u8) {
        loop {
            let what = rng.uniform();
            if what < self.mix.touching {
                if let Some(example) = touching::example(self.digits, index, rng) {
                    return example;
                }
                continue;
            }
            let (class, written) = if what < self.mix.touching + self.mix.none {
                (NONE, self.other(index, rng))
            } else {
                self.digit(index, rng)
            };
            if let Some(glyph) = self.photographed(class, &written, rng) {
                return (glyph, class);
            }
        }
    }

    fn digit(&self, index: usize, rng: &mut Rng) -> (u8, Written<'_>) {
        let way = rng.uniform();
        if way < 0.3 {
            // No digit is written in as many ways as a 1: as a stroke, with a flag, on a base.
            let class = [0, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9][rng.below(12) as usize];
            let shape = pick(shapes::DIGITS[usize::from(class)], rng);
            return (class, Written::Lines { lines: written(shape, rng), width: pen_width(rng) });
        }
        if way < 0.52 {
            let class = rng.below(10) as u8;
            if let Some(image) = self.pictures.any(class, rng) {
                return (class, Written::Image(image));
            }
        }
        (self.digits.label(index), Written::Image(self.digits.image(index)))
    }

    fn other(&self, index: usize, rng: &mut Rng) -> Written<'_> {
        let lines = |lines, rng: &mut Rng| Written::Lines { lines, width: pen_width(rng) };
        let any_digit =
            |rng: &mut Rng| self.digits.image(rng.below(self.digits.len() as u32) as usize);
        match rng.below(100) {
            0..26 => lines(written(pick(shapes::OTHERS, rng), rng), rng),
            26..37 => lines(pen::invented(rng), rng),
            37..45 => lines(pen::scribble(rng), rng),
            45..65 => match self.pictures.any(NONE, rng) {
                Some(image) => Written::Image(image),
                None => lines(written(pick(shapes::OTHERS, rng), rng), rng),
            },
            65..71 => match self.things.any(NONE, rng) {
                Some(image) => Written::Image(image),
                None => lines(pen::scribble(rng), rng),
            },
            71..83 => {
                // A mirrored 0, 1 or 8 is one still, a 2 becomes a 5 and a 5 a 2.
                let odd = |i: &usize| matches!(self.digits.label(*i), 3 | 4 | 6 | 7 | 9);
                let odd = (index..self.digits.len()).chain(0..index).find(odd);
                odd.map_or(Written::Nothing, |i| Written::Mirrored(self.digits.image(i)))
            }
            83..87 => Written::Pair([self.digits.image(index), any_digit(rng)]),
            87..91 => {
                // Half a 1 or 7 is a stroke, and as such a 1.
                let wide = |i: &usize| matches!(self.digits.label(*i), 0 | 2 | 3 | 5 | 6 | 8);
                let wide = (index..self.digits.len()).chain(0..index).find(wide);
                wide.map_or(Written::Nothing, |i| Written::Half(self.digits.image(i)))
            }
            91..95 => {
                // Blots.
                Written::Lines { lines: pen::scribble(rng), width: 0.25 + 0.5 * rng.uniform() }
            }
            95..98 => {
                // Dashes; upright ones are ones.
                let y = 0.4 * (rng.uniform() - 0.5);
                let line = vec![[-0.5, y], [0.0, 0.05 * rng.normal()], [0.5, -y]];
                Written::Lines { lines: vec![line], width: pen_width(rng) }
            }
            _ => Written::Nothing,
        }
    }

    /// The glyph that is read back; `None` if there is none, or another than was written.
    fn photographed(
        &self,
        class: u8,
        written: &Written,
        rng: &mut Rng,
    ) -> Option<[u8; Dataset::PIXELS]> {
        let size = 13.0 + 43.0 * rng.uniform().powi(2);
        let room = |rng: &mut Rng| (size * (1.08 + 0.8 * rng.uniform().powi(2))) as usize + 2;
        let mut ink = Ink::none(room(rng), room(rng));
        let place = self.place(&ink, size, class, written, rng);
        let mut paper = Paper::any(size, rng);
        write(&mut ink, written, &place, rng);
        match rng.below(100) {
            0..12 => ink.binarize(),
            12..17 if size < 32.0 => ink.dry_out(rng),
            _ => {}
        }
        let mine = ink.clone();
        if matches!(written, Written::Nothing) {
            (paper.contrast, paper.grain) = (0.3, 1.0 + 12.0 * rng.uniform());
        } else if rng.uniform() < 0.2 {
            self.neighbour(&mut ink, size, rng);
        } else if rng.uniform() < 0.06 {
            residue(&mut ink, &place, rng);
        }
        let picture = paper.photograph(ink, rng);
        let layout = vision::single(&picture);
        let glyph = layout.lines.first()?.glyphs.first()?;
        // What was found has to be what was written: rules may hide it, a neighbour may take its
        // place, the picture's edge may cut it.
        let least = if class == NONE { 0.6 } else { 0.8 };
        let found = matches!(written, Written::Nothing) || mine.share_in(&glyph.pieces) >= least;
        found.then_some(glyph.pixels)
    }

    fn place(&self, ink: &Ink, size: f32, class: u8, written: &Written, rng: &mut Rng) -> Place {
        let drawn = matches!(written, Written::Lines { .. });
        let turn = (if rng.uniform() < 0.1 { 0.22 } else { 0.1 }) * rng.normal();
        let slant = if drawn { 0.1 + 0.2 * rng.normal() } else { 0.12 * rng.normal() };
        let aspect = match (drawn, class) {
            // A digit that was drawn fills its square, which is too wide for one.
            (true, NONE) => 0.75 + 0.35 * rng.uniform(),
            (true, 1) => 0.25 + 0.5 * rng.uniform(),
            (true, _) => 0.45 + 0.5 * rng.uniform(),
            (false, _) => 0.85 + 0.3 * rng.uniform(),
        };
        let (sin, cos) = turn.clamp(-0.5, 0.5).sin_cos();
        let right = [size * aspect * cos, size * aspect * sin];
        let slant = slant.clamp(-0.6, 0.7);
        let down = [size * (-sin - slant * cos), size * (cos - slant * sin)];
        let cut = if rng.uniform() < 0.1 { 0.12 } else { 0.0 };
        let sizes = [ink.width as f32, ink.height as f32];
        let middle = std::array::from_fn(|i| {
            let half = 0.5 * (right[i].abs() + down[i].abs());
            let free = (sizes[i] / 2.0 - half + cut * size).max(0.0);
            sizes[i] / 2.0 + free * (2.0 * rng.uniform() - 1.0)
        });
        Place { middle, right, down }
    }

    /// Something that the picture's edge cuts.
    fn neighbour(&self, ink: &mut Ink, size: f32, rng: &mut Rng) {
        let (width, height) = (ink.width as f32, ink.height as f32);
        let beyond = size * (0.1 + 0.25 * rng.uniform());
        let along = rng.uniform();
        let middle = match rng.below(4) {
            0 => [-beyond, along * height],
            1 => [width + beyond, along * height],
            2 => [along * width, -beyond],
            _ => [along * width, height + beyond],
        };
        let place = Place { middle, right: [0.8 * size, 0.0], down: [0.0, size] };
        let image = self.digits.image(rng.below(self.digits.len() as u32) as usize);
        ink.stamp(image, &place, 0.35, &Waves::new(0.0, rng));
    }
}

/// What is left of a ruled line or of a box, at a side of the place.
fn residue(ink: &mut Ink, place: &Place, rng: &mut Rng) {
    let off = (0.45 + 0.25 * rng.uniform()) * if rng.below(2) == 0 { 1.0 } else { -1.0 };
    let (from, to) = (0.9 * (rng.uniform() - 0.5), 0.9 * (rng.uniform() - 0.5));
    let line = if rng.below(2) == 0 { [[from, off], [to, off]] } else { [[off, from], [off, to]] };
    ink.draw(&[line.to_vec()], place, 0.5 + 1.5 * rng.uniform(), 0.0, rng);
}

fn write(ink: &mut Ink, what: &Written, place: &Place, rng: &mut Rng) {
    let edge = 0.2 + 0.45 * rng.uniform();
    let waves = Waves::new(0.012 + 0.025 * rng.uniform(), rng);
    match what {
        Written::Lines { lines, width } => {
            let size = place.down[1].abs();
            let pressure = 0.35 * rng.uniform();
            ink.draw(lines, place, width * size, pressure, rng);
        }
        Written::Image(image) => ink.stamp(image, place, edge, &waves),
        Written::Pair(images) => {
            let apart = 0.28 + 0.12 * rng.uniform();
            for (image, side) in images.iter().zip([-1.0, 1.0]) {
                let mut half = *place;
                (0..2).for_each(|i| half.middle[i] += side * apart * place.right[i]);
                half.right = half.right.map(|r| 0.72 * r);
                half.down = half.down.map(|d| 0.9 * d);
                ink.stamp(image, &half, edge, &waves);
            }
        }
        Written::Mirrored(image) => {
            // In a mirror, or a quarter turned and perhaps mirrored.
            let mut mirrored = *place;
            mirrored.right = place.right.map(|r| -r);
            let turned = Place { right: place.down, down: place.right, ..*place };
            let turned_back = Place { right: place.down, down: mirrored.right, ..*place };
            ink.stamp(
                image,
                &[mirrored, mirrored, turned, turned_back][rng.below(4) as usize],
                edge,
                &waves,
            );
        }
        Written::Half(image) => {
            let mut part = image.to_vec();
            let (from, to) = if rng.below(2) == 0 { (0, 13) } else { (14, 28) };
            part.chunks_exact_mut(28).for_each(|row| row[from..to].fill(0));
            ink.stamp(&part, place, edge, &waves);
        }
        Written::Nothing => {}
    }
}

fn written(shape: shapes::Shape, rng: &mut Rng) -> Vec<Vec<[f32; 2]>> {
    let wobble = 0.015 + 0.035 * rng.uniform();
    pen::strokes(shape, wobble, rng)
}

/// As a share of a character's height: from a line of one pixel on a screen to a broad felt pen.
fn pen_width(rng: &mut Rng) -> f32 {
    // Print may be bolder still.
    if rng.uniform() < 0.06 { 0.2 + 0.07 * rng.uniform() } else { 0.02 * 10f32.powf(rng.uniform()) }
}

fn pick<T: Copy>(from: &[T], rng: &mut Rng) -> T {
    from[rng.below(from.len() as u32) as usize]
}

/// Training glyphs side by side, to be looked at: dark on white, `columns` a row.
pub fn sheet(glyphs: &[[u8; Dataset::PIXELS]], columns: usize) -> GrayImage {
    const STEP: usize = Dataset::SIDE + 2;
    let mut sheet = GrayImage::filled(columns * STEP, glyphs.len().div_ceil(columns) * STEP, 200);
    let width = sheet.width();
    for (i, glyph) in glyphs.iter().enumerate() {
        for (y, row) in glyph.chunks_exact(Dataset::SIDE).enumerate() {
            let start = (i / columns * STEP + y + 1) * width + i % columns * STEP + 1;
            let to = &mut sheet.pixels_mut()[start..][..Dataset::SIDE];
            to.iter_mut().zip(row).for_each(|(to, ink)| *to = 255 - ink);
        }
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples(mix: SceneMix, count: u64) -> Vec<([u8; Dataset::PIXELS], u8)> {
        let (digits, none) = (crate::data::sample(), Examples::default());
        let scenes = Scenes { digits: &digits, pictures: &none, things: &none, mix };
        (0..count).map(|i| scenes.example(i as usize, &mut Rng::new(3, &[i]))).collect()
    }

    #[test]
    fn the_same_key_draws_the_same_picture() {
        let mix = SceneMix { share: 1.0, none: 0.3, touching: 0.3 };
        let first = examples(mix, 60);
        assert!(first == examples(mix, 60));
        assert!(first.windows(2).all(|pair| pair[0].0 != pair[1].0));
    }

    #[test]
    fn classes_are_mixed_as_asked() {
        let share = |none: f32, touching: f32| {
            let all = examples(SceneMix { share: 1.0, none, touching }, 300);
            all.iter().filter(|(_, class)| *class == NONE).count() as f32 / all.len() as f32
        };
        assert_eq!(share(0.0, 0.0), 0.0);
        assert!((share(0.4, 0.0) - 0.4).abs() < 0.1);
        // Of touching digits, some parts are digits and some are none.
        assert!((0.3..0.9).contains(&share(0.0, 0.99)));
    }

    #[test]
    fn every_glyph_lies_in_its_field_and_has_ink() {
        for (glyph, class) in examples(SceneMix { share: 1.0, none: 0.3, touching: 0.2 }, 200) {
            let ink: u32 = glyph.iter().map(|&v| u32::from(v)).sum();
            assert!(class <= NONE && ink > 255 * 10, "class {class}, ink {ink}");
        }
    }

    #[test]
    fn a_digit_is_drawn_as_one() {
        // What the reader learns from has to be what the recogniser of the day reads, mostly.
        let all = examples(SceneMix { share: 1.0, none: 0.0, touching: 0.0 }, 400);
        let pixels: Vec<u8> = all.iter().flat_map(|(glyph, _)| *glyph).collect();
        let read = crate::model::Model::bundled().probabilities(&pixels);
        let right =
            |((_, class), p): &(&([u8; 784], u8), &[f32; 10])| crate::metrics::best(p).0 == *class;
        let share = all.iter().zip(&read).filter(right).count() as f32 / all.len() as f32;
        assert!(share > 0.85, "{share}");
    }

    #[test]
    fn digits_in_cells_are_read_and_empty_cells_left_alone() {
        let (digits, reader) = (crate::data::sample(), crate::recognizer::Recognizer::bundled());
        let right = |i: &u64| {
            let Number { picture, text, .. } = cell(&digits, &mut Rng::new(2, &[*i]));
            reader.read(&picture).text() == text
        };
        let share = (0..400).filter(right).count() as f64 / 400.0;
        assert!(share > 0.85, "{share}");
    }

    #[test]
    fn a_number_says_what_stands_there() {
        let digits = crate::data::sample();
        for touching in [false, true] {
            let number = number(&digits, 4, touching, &mut Rng::new(1, &[u64::from(touching)]));
            assert_eq!(number.text.len(), 4);
            assert!(number.picture.width() > 2 * number.picture.height());
        }
    }
}
