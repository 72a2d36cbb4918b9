//! From a picture to the digits on it.

use std::ops::Range;
use std::sync::Arc;

use decipher_nn::Workspaces;

use crate::image::{GrayImage, Rect};
use crate::metrics::best;
use crate::model::Model;
use crate::vision::{self, Cutting, Glyph, Layout, Look};

mod halves;
mod hand;
mod reading;
mod row;
mod strokes;

pub use reading::{Digit, Mark, Place, Reading, TextLine, Unsure};

use row::Row;
use strokes::Usual;

/// Below this confidence, what was found is not called a digit. What other values make of digits and
/// of what is none is in RECORDS.md.
pub const MIN_CONFIDENCE: f32 = 0.25;

/// Within these confidences, a glyph is looked at more than once.
const UNCERTAIN: Range<f32> = 0.1..0.95;
/// What is read with less confidence is perhaps several digits.
const SURE: f32 = 0.5;
/// Product of the confidences of two cut digits from which on they are believed; of more or of one,
/// its power of half as many.
const LEAST_SENSE: f32 = 0.4;
/// How sure one can be of digits that had to be cut apart, compared with those that stand alone.
const CUT: f32 = 0.9;
/// Below this confidence, something is hardly a digit.
const NO_DIGIT: f32 = 0.2;
/// How sure one can be of a digit close beside what is none.
const BESIDE: f32 = 0.9;
/// Most pieces of a picture that are cut, or joined with the next, for a try: of writing, few touch;
/// of a carpet, all.
const MOST_TRIES: usize = 200;

/// More that is unsure, and more than digits, is a carpet or print, or broken lines: only what is dark is looked at
/// again, for each look takes as long as the first.
const TEXTURE: usize = 1_000;

/// A reading makes sense if it has more than so many digits for each thing that is unsure.
const FEW: usize = 4;

/// A glyph, and the network's probabilities that it is each of the digits.
type Found = (Glyph, [f32; 10]);

/// Reads digits in pictures, with one model.
///
/// ```
/// use decipher::recognizer::Recognizer;
/// use decipher::vision::{Limits, decode};
///
/// let picture = std::fs::read("../samples/number.jpg").unwrap();
/// let picture = decode(&picture, &Limits::default()).unwrap();
/// let reading = Recognizer::bundled().read(&picture);
/// println!("{}", reading.text());
/// for digit in reading.lines.iter().flat_map(|line| &line.digits) {
///     println!("{} at {},{}: {:.0} %", digit.digit, digit.bounds.x, digit.bounds.y, 100.0 * digit.confidence);
/// }
/// # assert_eq!(reading.lines.len(), 1);
/// ```
#[derive(Clone)]
pub struct Recognizer {
    model: Model,
    /// Its clones work in the same memory.
    workspaces: Arc<Workspaces>,
    /// Confidence, 0 to 1, from which on a digit is reported as one.
    pub min_confidence: f32,
}

impl Recognizer {
    /// A reader with the network that comes with this library.
    pub fn bundled() -> Self {
        Self::new(Model::bundled())
    }

    /// A reader with a network of one's own.
    pub fn new(model: Model) -> Self {
        Self { model, workspaces: Arc::default(), min_confidence: MIN_CONFIDENCE }
    }

    /// The model it reads with.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Reads all digits of a picture: one, a number or a page.
    pub fn read(&self, picture: &GrayImage) -> Reading {
        self.explain(picture, false).1
    }

    /// Reads a picture that shows just one digit, however many pieces its ink is in.
    pub fn read_single(&self, picture: &GrayImage) -> Reading {
        self.explain(picture, true).1
    }

    /// As [`Recognizer::read`], or as [`Recognizer::read_single`] where `single`; with what was
    /// found in the picture, stage by stage.
    pub fn explain(&self, picture: &GrayImage, single: bool) -> (Layout, Reading) {
        if self.min_confidence != MIN_CONFIDENCE {
            // How the picture is looked at does not depend on what is reported.
            let usual = Self { min_confidence: MIN_CONFIDENCE, ..self.clone() };
            let (layout, _) = usual.explain(picture, single);
            let reading = self.read_layout(&layout);
            return (layout, reading);
        }
        if single {
            return self.best_look(picture, vision::single_on);
        }
        let (layout, reading) = self.best_look(picture, vision::segment_on);
        let small = vision::is_crop(picture.width(), picture.height());
        if !small || reading.digits().count() + reading.unsure.len() == 1 {
            return (layout, reading);
        }
        // A small picture is a crop of one digit more often than a tiny number.
        let (one, alone) = self.best_look(picture, vision::single_on);
        let sure = |reading: &Reading| {
            let unsure = reading.unsure.iter().map(|u| u.candidates[0].1);
            reading.digits().map(|d| d.confidence).chain(unsure).fold(1.0, f32::min)
        };
        let is_one = alone.digits().next().is_some();
        // What is not one line of digits and nothing else is no number so small.
        let is_number = reading.lines.len() == 1 && reading.unsure.is_empty();
        if is_one && (!is_number || sure(&alone) > sure(&reading)) {
            (one, alone)
        } else {
            (layout, reading)
        }
    }

    /// The reading that makes most sense, of those with another look where the usual one may be
    /// wrong.
    fn best_look(
        &self,
        picture: &GrayImage,
        find: fn(&GrayImage, Look) -> Layout,
    ) -> (Layout, Reading) {
        let read = |look: Look| {
            let layout = find(picture, look);
            let reading = self.read_layout(&layout);
            (layout, reading)
        };
        let mut best = read(Look::Usual);
        let is_texture = best.1.unsure.len() > TEXTURE.max(best.1.digits().count());
        let stages = &best.0.stages;
        let was_erased = !(stages.rules.is_empty() && stages.surroundings.is_empty());
        if was_erased && !is_texture {
            // Where digits were found, a thumb that looks like one more is none.
            let found = !best.1.lines.is_empty();
            let things = if found { stages.surroundings.len() } else { 0 };
            let other = read(Look::AllInk);
            if other.1.gain_over(&best.1) > things as f32 {
                best = other;
            }
        }
        if best.0.stages.threshold.is_none() {
            return best;
        }
        if vision::is_crop(picture.width(), picture.height()) {
            // Of a digit cut out to its edges, more than half may be ink.
            if confidence_of_one(&best.1) < SURE {
                let other = read(Look::Inverted);
                let digit = other.0.stages.digits.first();
                if digit.is_some_and(|bounds| fills(bounds, picture))
                    && confidence_of_one(&other.1) >= SURE
                {
                    best = other;
                }
            }
            return best;
        }
        let makes_sense = |reading: &Reading| reading.digits().count() > FEW * reading.unsure.len();
        const OTHERS: [Look; 4] = [Look::DarkInk, Look::Small, Look::NarrowShadows, Look::Inverted];
        for &look in if is_texture { &OTHERS[..1] } else { &OTHERS } {
            let stages = &best.0.stages;
            let may_be_wrong = match look {
                Look::DarkInk => was_erased || !makes_sense(&best.1),
                // Of one digit, other pieces than its own do not matter.
                Look::Small => {
                    !best.0.single && stages.components.len() > FEW * stages.digits.len()
                }
                _ => !makes_sense(&best.1),
            };
            if may_be_wrong {
                let other = read(look);
                // Ones alone, where nothing was a digit: a bar of a code.
                let strokes = other.1.digits().all(|d| d.digit == 1)
                    && best.1.lines.is_empty()
                    && best.1.unsure.len() >= FEW;
                if makes_sense(&other.1) && other.1.gain_over(&best.1) > 0.0 && !strokes {
                    best = other;
                }
            }
        }
        best
    }

    /// Reads what [`vision::segment`] or [`vision::single`] found.
    pub fn read_layout(&self, layout: &Layout) -> Reading {
        let mut seen = self.look(layout.lines.iter().flat_map(|line| &line.glyphs)).into_iter();
        let part = |line: &vision::Line| (&mut seen).take(line.glyphs.len()).collect();
        let mut whole_lines: Vec<Vec<Found>> = layout.lines.iter().map(part).collect();
        let mut tries_left = MOST_TRIES;
        if !layout.single {
            self.join_halves(&mut whole_lines, &layout.stages.ink, &mut tries_left);
        }
        let mut across = false;
        let mut lines: Vec<Vec<Found>> = Vec::new();
        for wholes in whole_lines {
            let mut found: Vec<Found> = Vec::new();
            let only = wholes.len() == 1;
            let row = Row::new(wholes.iter().map(|(glyph, p)| (glyph, p)));
            let mut rest = wholes.into_iter().peekable();
            while let Some((glyph, whole)) = rest.next() {
                if let Some((next, q)) = rest.peek()
                    && !layout.single
                    && tries_left > 0
                    && row.may_join((&glyph, &whole), (next, q))
                {
                    tries_left -= 1;
                    if let Some(one) = self.joined(layout, (&glyph, &whole), (next, q)) {
                        found.push(one);
                        rest.next();
                        continue;
                    }
                }
                // A crop that is no wider than high shows one digit, however long its hook.
                let bounds = glyph.bounds;
                let alone = layout.stages.gray.height() <= vision::CROP
                    && bounds.width <= bounds.height
                    && only;
                let may_cut = !layout.single && !alone && tries_left > 0;
                let parts = if may_cut && best(&whole).1 < SURE {
                    tries_left -= 1;
                    // Touching digits are wider than one.
                    let narrow = bounds.width <= row.widest;
                    let one = if narrow { row.believe(&whole) } else { whole };
                    self.cut(layout, &glyph, &one)
                } else {
                    None
                };
                let parts = parts.unwrap_or_else(|| vec![(glyph, whole)]);
                across |= vision::reading_order(&bounds_of(&parts)).len() > 1;
                found.extend(parts);
            }
            lines.push(found);
        }
        if across {
            lines = lines_again(lines.concat());
        }
        strokes::doubt_in_pictures_of_something_else(&mut lines);
        strokes::doubt_bars(&mut lines);
        hand::tell_by_likeness(&mut lines);
        let ink = &layout.stages.ink;
        let usual = Usual::of(&lines, ink);
        let mut reading = Reading::default();
        lines.into_iter().for_each(|found| self.report(found, ink, usual, &mut reading));
        reading
    }

    /// Adds what was found in a line to the `reading` of a picture with that `ink`, and digits of
    /// `usual` darkness and height.
    fn report(
        &self,
        mut found: Vec<Found>,
        ink: &GrayImage,
        usual: Option<Usual>,
        reading: &mut Reading,
    ) {
        let is_foreign = |i| usual.is_some_and(|u| strokes::is_foreign(&found, i, ink, u));
        let foreign: Vec<bool> = (0..found.len()).map(is_foreign).collect();
        let written = found.iter().zip(&foreign).filter(|(_, is_foreign)| !**is_foreign);
        let row = Row::new(written.map(|((glyph, p), _)| (glyph, p)));
        for ((_, p), is_foreign) in found.iter_mut().zip(foreign) {
            *p = if is_foreign { strokes::doubted(p) } else { row.believe(p) };
        }
        doubt_parts_of_words(&mut found);
        let bounds = bounds_of(&found).into_iter().reduce(|a, b| a.union(&b));
        let (line, first_unsure) = (reading.lines.len(), reading.unsure.len());
        let mut digits: Vec<Digit> = Vec::new();
        let (mut gap, mut is_first) = (false, true);
        for (glyph, p) in found {
            gap |= glyph.gap_before;
            let (bounds, pixels) = (glyph.bounds, glyph.pixels);
            let (digit, confidence) = best(&p);
            let is_digit = confidence >= self.min_confidence;
            // A gap before what is hardly a digit is a gap before what follows it.
            let in_text = is_digit || confidence >= NO_DIGIT;
            let gap_before = in_text && std::mem::take(&mut gap) && !is_first;
            is_first &= !in_text;
            if is_digit {
                digits.push(Digit { digit, confidence, bounds, gap_before, pixels });
            } else {
                let place = Some(Place { line, before: digits.len(), gap_before });
                let candidates = candidates(&p);
                reading.unsure.push(Unsure { bounds, candidates, place, pixels });
            }
        }
        match bounds {
            Some(bounds) if !digits.is_empty() => reading.lines.push(TextLine { bounds, digits }),
            _ => reading.unsure[first_unsure..].iter_mut().for_each(|unsure| unsure.place = None),
        }
    }

    /// What the network says of glyphs as they stand. One that is unsure, and perhaps a broad 1 with a flag, is
    /// drawn with a finer pen, too, and taken so if it then is a digit: in bold print out of focus the flag is
    /// hardly to be seen.
    fn look<'g>(&self, glyphs: impl Iterator<Item = &'g Glyph> + Clone) -> Vec<Found> {
        let probabilities = self.probabilities(&pixels_of(glyphs.clone()));
        let mut found: Vec<Found> = glyphs.cloned().zip(probabilities).collect();
        for (glyph, p) in found.iter_mut().filter(|(_, p)| best(p).1 < SURE) {
            let Some(pixels) = vision::with_finer_pen(&glyph.pixels) else { continue };
            let finer = self.at_a_glance(&pixels)[0];
            if best(&finer).1 >= SURE {
                (glyph.pixels, *p) = (pixels, finer);
            }
        }
        found
    }

    /// The probability of each digit for each of `glyphs`, as [`Model::probabilities`] (784 pixels each, 0 =
    /// paper, 255 = ink). Where the network is not certain, it is the mean over the glyph and two that are moved
    /// by a pixel: layers with a stride see every second, fourth or eighth pixel, and chance decides which.
    ///
    /// # Panics
    /// If `glyphs` are not whole ones.
    pub fn probabilities(&self, glyphs: &[u8]) -> Vec<[f32; 10]> {
        let mut all = self.at_a_glance(glyphs);
        let is_uncertain = |p: &[f32; 10]| UNCERTAIN.contains(&best(p).1);
        let uncertain = all.iter().zip(glyphs.as_chunks().0).filter(|(p, _)| is_uncertain(p));
        let moved: Vec<u8> =
            uncertain.flat_map(|(_, glyph)| vision::moved_aside(glyph)).flatten().collect();
        let views = self.at_a_glance(&moved);
        let uncertain = all.iter_mut().filter(|p| is_uncertain(p));
        for (p, [one, other]) in uncertain.zip(views.as_chunks().0) {
            *p = std::array::from_fn(|digit| (p[digit] + one[digit] + other[digit]) / 3.0);
        }
        all
    }

    /// What the network says at one look: enough for what might be joined or cut, of which there is much.
    fn at_a_glance(&self, glyphs: &[u8]) -> Vec<[f32; 10]> {
        self.model.probabilities_in(&self.workspaces, glyphs)
    }

    /// Two neighbours as one digit, where that makes more sense: the strokes of a 4.
    fn joined(
        &self,
        layout: &Layout,
        (left, p): (&Glyph, &[f32; 10]),
        (right, q): (&Glyph, &[f32; 10]),
    ) -> Option<Found> {
        let one = left.with(right, &layout.stages.ink);
        let together = self.at_a_glance(&one.pixels)[0];
        let sense = best(&together).1;
        (sense >= SURE && sense > best(p).1 * best(q).1).then_some((one, together))
    }

    /// The digits that touch each other in `glyph`, or the one that paler ink hid, if it makes more
    /// sense so than as a `whole`.
    fn cut(&self, layout: &Layout, glyph: &Glyph, whole: &[f32; 10]) -> Option<Vec<Found>> {
        let mut most = best(whole).1;
        let mut parts: Option<Vec<Found>> = None;
        let cutter = vision::Cutter::new(&layout.stages.ink, glyph)?;
        for cutting in (0..vision::WAYS).filter_map(|way| cutter.cutting(way)) {
            let glyphs = cutting.parts.iter().map(|part| &part.glyph);
            let probabilities = self.at_a_glance(&pixels_of(glyphs));
            if let Some((sense, way)) = best_way(&cutting, &probabilities)
                && sense > most
                && sense >= LEAST_SENSE.powf(way.len() as f32 / 2.0)
            {
                most = sense;
                let part = |&i: &usize| {
                    (cutting.parts[i].glyph.clone(), probabilities[i].map(|p| CUT * p))
                };
                parts = Some(way.iter().map(part).collect());
            }
        }
        if let Some([(hook, p), (one, q)]) = parts.as_deref()
            && [p, q].iter().all(|p| best(p).0 == 1)
            && strokes::is_hook(hook, one)
        {
            // Of the rest, the network says what else the whole may be.
            let sure = CUT * most;
            let mut hooked = whole.map(|p| (1.0 - sure) * p);
            hooked[1] = sure;
            return Some(vec![(glyph.clone(), hooked)]);
        }
        parts
    }
}

/// Whether a digit reaches all four edges of the picture, but for a few pixels.
fn fills(digit: &Rect, picture: &GrayImage) -> bool {
    let (width, height) = (picture.width(), picture.height());
    let margin = 2 + width.max(height) / 32;
    digit.x.max(digit.y) <= margin
        && digit.right() + margin >= width
        && digit.bottom() + margin >= height
}

/// How sure it is that just one digit was read: 0 if there is something else.
fn confidence_of_one(reading: &Reading) -> f32 {
    let mut digits = reading.digits();
    match (digits.next(), digits.next()) {
        (Some(one), None) if reading.unsure.is_empty() => one.confidence,
        _ => 0.0,
    }
}

/// The parts that follow each other from edge to edge with the largest product of confidences, and
/// that product.
fn best_way(cutting: &Cutting, probabilities: &[[f32; 10]]) -> Option<(f32, Vec<usize>)> {
    let mut ways: Vec<Option<(f32, Vec<usize>)>> = vec![None; cutting.places];
    ways[0] = Some((1.0, vec![]));
    for to in 1..cutting.places {
        for (i, part) in cutting.parts.iter().enumerate().filter(|(_, part)| part.to == to) {
            let Some((before, way)) = &ways[part.from] else { continue };
            let sense = before * best(&probabilities[i]).1;
            if ways[to].as_ref().is_none_or(|(most, _)| sense > *most) {
                let way = way.iter().copied().chain([i]).collect();
                ways[to] = Some((sense, way));
            }
        }
    }
    ways.pop().flatten()
}

/// Lines and gaps of what was `found`, once a piece of ink that reached across lines is cut.
fn lines_again(mut found: Vec<Found>) -> Vec<Vec<Found>> {
    let boxes = bounds_of(&found);
    let order = vision::reading_order(&boxes);
    let gaps = vision::word_gaps(&order, &boxes);
    for (&i, gap_before) in order.iter().flatten().zip(gaps.concat()) {
        found[i].0.gap_before = gap_before;
    }
    order.iter().map(|line| line.iter().map(|&i| found[i].clone()).collect()).collect()
}

fn pixels_of<'g>(glyphs: impl Iterator<Item = &'g Glyph>) -> Vec<u8> {
    glyphs.flat_map(|glyph| glyph.pixels).collect()
}

fn bounds_of(found: &[Found]) -> Vec<Rect> {
    found.iter().map(|(glyph, _)| glyph.bounds).collect()
}

/// What stands close beside something that is no digit is perhaps a part of it, or of a word.
fn doubt_parts_of_words(found: &mut [Found]) {
    let no_digit: Vec<bool> = found.iter().map(|(_, p)| best(p).1 < NO_DIGIT).collect();
    for i in 0..found.len() {
        let before = i > 0 && !found[i].0.gap_before && no_digit[i - 1];
        let after = no_digit.get(i + 1) == Some(&true) && !found[i + 1].0.gap_before;
        if before || after {
            found[i].1.iter_mut().for_each(|p| *p *= BESIDE);
        }
    }
}

fn candidates(probabilities: &[f32; 10]) -> [(u8, f32); 2] {
    let first = best(probabilities);
    let mut others = *probabilities;
    others[usize::from(first.0)] = -1.0;
    [first, best(&others)]
}

#[cfg(test)]
mod tests;
