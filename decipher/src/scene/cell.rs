//! Cells of puzzles and forms, cut out with a part of the lines around them.

use decipher_nn::Rng;

use super::number::Number;
use super::paper::Paper;
use super::pen::{Ink, Place, Waves};
use crate::data::Dataset;

/// Photographs a cell with one of `digits` in it, or every fifth time with none.
pub fn cell(digits: &Dataset, rng: &mut Rng) -> Number {
    let side = 32.0 + 64.0 * rng.uniform().powi(2);
    let size = side * (0.4 + 0.25 * rng.uniform());
    let mut ink = Ink::none(side as usize, side as usize);
    let mut text = String::new();
    if rng.uniform() < 0.8 {
        let digit = rng.below(digits.len() as u32) as usize;
        let off = |rng: &mut Rng| side * (0.5 + 0.08 * (rng.uniform() - 0.5));
        let middle = [off(rng), off(rng)];
        let place = Place { middle, right: [size, 0.0], down: [-0.1 * size * rng.normal(), size] };
        ink.stamp(digits.image(digit), &place, 0.3 + 0.2 * rng.uniform(), &Waves::NONE);
        text.push(char::from(b'0' + digits.label(digit)));
    }
    let strength = 0.4 + 0.6 * rng.uniform();
    for (amount, line) in ink.amount.iter_mut().zip(lines(side, rng).amount) {
        *amount = amount.max(strength * line);
    }
    let mut paper = Paper::any(size, rng);
    paper.contrast = paper.contrast.max(0.3);
    paper.rules = (0.0, 1.0);
    Number { picture: paper.photograph(ink, rng), text, ruled: true }
}

/// Lines along most edges, and a little off them.
fn lines(side: f32, rng: &mut Rng) -> Ink {
    let mut ink = Ink::none(side as usize, side as usize);
    let whole = Place { middle: [side / 2.0; 2], right: [side, 0.0], down: [0.0, side] };
    let lean = 0.02 * rng.normal();
    for (low, down) in [(false, false), (true, false), (false, true), (true, true)] {
        if rng.uniform() < 0.15 {
            continue;
        }
        let off = 0.5 - 0.1 * rng.uniform();
        let off = if low { off } else { -off };
        // Beyond the picture, whose edges cut it.
        let ends = [[-0.6, off - lean], [0.6, off + lean]];
        let line = if down { ends.map(|[along, off]| [off, along]) } else { ends };
        let width = (side * (0.02 + 0.06 * rng.uniform())).max(1.0);
        ink.draw(&[line.to_vec()], &whole, width, 0.0, rng);
    }
    ink
}
