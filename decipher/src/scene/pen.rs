//! A pen: strokes, and digits as pictures, become ink at places.

use decipher_nn::Rng;

use super::shapes::Shape;
use crate::vision::{Component, Run};

/// How much ink there is at each place, 0 to 1.
#[derive(Clone, Debug)]
pub struct Ink {
    /// Pixels a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Row by row from the top left.
    pub amount: Vec<f32>,
}

/// Where and how large a character is written.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The middle of the character, in pixels.
    pub middle: [f32; 2],
    /// Pixels to the right and down, for a step of its full width to the right.
    pub right: [f32; 2],
    /// The same for a step of its full height downwards.
    pub down: [f32; 2],
}

/// A line from point to point.
type Polyline = Vec<[f32; 2]>;

impl Place {
    fn at(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        std::array::from_fn(|i| self.middle[i] + x * self.right[i] + y * self.down[i])
    }
}

/// The strokes of a shape, with `wobble` (a share of the size) in every point and in the length
/// of every stroke; coordinates from -0.5 to 0.5.
pub fn strokes(shape: Shape, wobble: f32, rng: &mut Rng) -> Vec<Polyline> {
    let stroke = |text: &str| {
        let [dx, dy] = [rng.normal(), rng.normal()].map(|n| 0.6 * wobble * n);
        let points = text.split(' ').map(|point| {
            let corner = point.starts_with('!');
            let (x, y) = point.trim_start_matches('!').split_once(',').expect("a point is x,y");
            let [x, y] = [x, y].map(|v| v.parse::<f32>().expect("a number") / 100.0 - 0.5);
            ([x + dx + wobble * rng.normal(), y + dy + wobble * rng.normal()], corner)
        });
        curve(&points.collect::<Vec<_>>())
    };
    shape.split('/').map(stroke).collect()
}

/// One to five curves through random points.
pub fn scribble(rng: &mut Rng) -> Vec<Polyline> {
    let strokes = 1 + rng.below(5);
    let long = 1 + rng.below(6);
    (0..strokes)
        .map(|_| {
            let start = [rng.uniform() - 0.5, rng.uniform() - 0.5];
            let sharp = rng.uniform();
            let points = (0..2 + rng.below(long)).scan(start, |at, _| {
                let here = *at;
                *at = std::array::from_fn(|i| (at[i] + 0.45 * rng.normal()).clamp(-0.5, 0.5));
                Some((here, rng.uniform() < sharp))
            });
            curve(&points.collect::<Vec<_>>())
        })
        .collect()
}

/// A character that nobody knows: three to five plain strokes, each beginning on an earlier one or
/// beside it, as the letters of most scripts are made.
pub fn invented(rng: &mut Rng) -> Vec<Polyline> {
    let mut lines: Vec<Polyline> = Vec::new();
    for _ in 0..3 + rng.below(3) {
        let start = match lines.len() {
            0 => [0, 1].map(|_| 0.8 * (rng.uniform() - 0.5)),
            n if rng.uniform() < 0.7 => {
                let line = &lines[rng.below(n as u32) as usize];
                // At an end more often than on the way.
                match rng.below(4) {
                    0 => line[0],
                    1 => line[line.len() - 1],
                    _ => line[rng.below(line.len() as u32) as usize],
                }
            }
            _ => [0, 1].map(|_| rng.uniform() - 0.5),
        };
        lines.push(plain_stroke(start, rng));
    }
    // To fill the square from -0.5 to 0.5.
    let points = || lines.iter().flatten();
    let [(left, right), (top, bottom)] = [0, 1].map(|i| {
        points().fold((f32::MAX, f32::MIN), |(low, high), p| (low.min(p[i]), high.max(p[i])))
    });
    let scale = 1.0 / (right - left).max(bottom - top).max(0.1);
    let middle = [(left + right) / 2.0, (top + bottom) / 2.0];
    let fitted = |p: &[f32; 2]| std::array::from_fn(|i| (p[i] - middle[i]) * scale);
    lines.iter().map(|line| line.iter().map(fitted).collect()).collect()
}

/// A straight stroke, an arc up to a circle, an angle, a hook or a wave.
fn plain_stroke(start: [f32; 2], rng: &mut Rng) -> Polyline {
    let length = 0.3 + 0.7 * rng.uniform();
    // Mostly across, down or along a diagonal.
    let mut way = std::f32::consts::FRAC_PI_4 * rng.below(8) as f32 + 0.15 * rng.normal();
    let (steps, turns): (u32, [f32; 2]) = match rng.below(10) {
        0..3 => (4, [0.0; 2]),
        3..5 => (12, [(1.0 + 2.0 * rng.uniform()) / 12.0; 2]),
        5 => (16, [6.6 / 16.0; 2]),
        6..8 => (8, [0.0; 2]),
        8 => (12, [0.02, 0.5]),
        _ => (12, [0.35, -0.35]),
    };
    let corner = if turns == [0.0; 2] && steps == 8 { 1.2 + 1.2 * rng.uniform() } else { 0.0 };
    let side = if rng.below(2) == 0 { 1.0 } else { -1.0 };
    let mut at = start;
    let mut line = vec![at];
    for step in 0..steps {
        let turn = turns[usize::from(2 * step >= steps)];
        way += side * (turn + if 2 * step == steps { corner } else { 0.0 });
        at = [at[0] + length / steps as f32 * way.cos(), at[1] + length / steps as f32 * way.sin()];
        line.push(at);
    }
    line
}

/// A curve through the points (Catmull and Rom 1974), with corners where they are marked.
fn curve(points: &[([f32; 2], bool)]) -> Polyline {
    const STEPS: usize = 6;
    let mut line = vec![points[0].0];
    for i in 0..points.len() - 1 {
        let (a, b) = (points[i].0, points[i + 1].0);
        // Beyond a corner or an end, the curve goes on as it came.
        let before = if i == 0 || points[i].1 { a } else { points[i - 1].0 };
        let after = match points.get(i + 2) {
            Some(next) if !points[i + 1].1 => next.0,
            _ => b,
        };
        for step in 1..=STEPS {
            let t = step as f32 / STEPS as f32;
            line.push(std::array::from_fn(|k| {
                let (p, q, r, s) = (before[k], a[k], b[k], after[k]);
                q + 0.5
                    * t
                    * (r - p + t * (2.0 * p - 5.0 * q + 4.0 * r - s + t * (3.0 * (q - r) + s - p)))
            }));
        }
    }
    line
}

impl Ink {
    /// Bare paper.
    pub fn none(width: usize, height: usize) -> Self {
        Self { width, height, amount: vec![0.0; width * height] }
    }

    /// How much of the ink lies in `pieces`, 0 to 1.
    pub fn share_in(&self, pieces: &[Component]) -> f32 {
        let row = |run: &Run| &self.amount[run.y * self.width..][run.start..run.end];
        let inside: f32 = pieces.iter().flat_map(|p| &p.runs).flat_map(row).sum();
        inside / self.amount.iter().sum::<f32>().max(1.0)
    }

    /// Draws lines with a round pen of `width` pixels, with edges of one pixel; `pressure` is the
    /// part of the width that comes and goes along a stroke.
    pub fn draw(
        &mut self,
        lines: &[Polyline],
        place: &Place,
        width: f32,
        pressure: f32,
        rng: &mut Rng,
    ) {
        for line in lines {
            let phase = 6.0 * rng.uniform();
            for (i, ends) in line.windows(2).enumerate() {
                let swell = 1.0 + pressure * (phase + 0.35 * i as f32).sin();
                self.segment(place.at(ends[0]), place.at(ends[1]), 0.5 * width * swell);
            }
        }
    }

    /// All or nothing: a mouse on a screen knows no half pixels.
    pub fn binarize(&mut self) {
        let half = 0.5 * self.amount.iter().copied().fold(0.0, f32::max);
        self.amount.iter_mut().for_each(|a| *a = if *a > half { 1.0 } else { 0.0 });
    }

    /// The pen runs dry: pixels go missing, the more the further to one side.
    pub fn dry_out(&mut self, rng: &mut Rng) {
        let (sin, cos) = (std::f32::consts::TAU * rng.uniform()).sin_cos();
        let (width, height) = (self.width as f32, self.height as f32);
        let missing = 0.15 + 0.3 * rng.uniform();
        for (i, amount) in self.amount.iter_mut().enumerate() {
            let (x, y) = ((i % self.width) as f32 / width, (i / self.width) as f32 / height);
            let dry = (0.5 + (x - 0.5) * cos + (y - 0.5) * sin).clamp(0.0, 1.0);
            if rng.uniform() < missing * dry {
                *amount = 0.0;
            }
        }
    }

    fn segment(&mut self, a: [f32; 2], b: [f32; 2], radius: f32) {
        // Thinner than a pixel, a line is pale.
        let most = (2.0 * radius).min(1.0);
        let reach = radius.max(0.5) + 0.5;
        let range = |i: usize, size: usize| {
            let low = (a[i].min(b[i]) - reach).max(0.0) as usize;
            low..((a[i].max(b[i]) + reach).max(0.0) as usize + 1).min(size)
        };
        let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
        let length2 = (dx * dx + dy * dy).max(1e-9);
        for y in range(1, self.height) {
            for x in range(0, self.width) {
                let (px, py) = (x as f32 + 0.5 - a[0], y as f32 + 0.5 - a[1]);
                let t = ((px * dx + py * dy) / length2).clamp(0.0, 1.0);
                let (ex, ey) = (px - t * dx, py - t * dy);
                let ink = most * (reach - (ex * ex + ey * ey).sqrt()).clamp(0.0, 1.0);
                let there = &mut self.amount[y * self.width + x];
                *there = there.max(ink);
            }
        }
    }

    /// Copies a digit of 28 x 28 pixels (0 = paper, 255 = ink) to a place that its 20 x 20 middle
    /// fills, shifted by `waves` and with edges of a pen: ink begins where the digit's is above
    /// `edge`, 0 to 1.
    pub fn stamp(&mut self, image: &[u8], place: &Place, edge: f32, waves: &Waves) {
        const SIDE: i32 = 28;
        let pixel = |x: i32, y: i32| {
            let inside = (0..SIDE).contains(&x) && (0..SIDE).contains(&y);
            if inside { f32::from(image[(y * SIDE + x) as usize]) / 255.0 } else { 0.0 }
        };
        let [[a, c], [b, d]] = [place.right, place.down];
        let inverse = 1.0 / (a * d - b * c);
        let size = (a.hypot(c) + b.hypot(d)) / 2.0;
        // An enlarged digit's edges are as soft as its pixels are large, a pen's are not.
        let soft = (10.0 / size).clamp(0.15, 0.5);
        let reach = 0.72 * (a.abs().max(c.abs()) + b.abs().max(d.abs()));
        let range = |i: usize, size: usize| {
            let low = (place.middle[i] - reach).max(0.0) as usize;
            low..((place.middle[i] + reach).max(0.0) as usize).min(size)
        };
        for y in range(1, self.height) {
            for x in range(0, self.width) {
                let (px, py) = (x as f32 + 0.5 - place.middle[0], y as f32 + 0.5 - place.middle[1]);
                let (u, v) = ((d * px - b * py) * inverse, (a * py - c * px) * inverse);
                let [wave_x, wave_y] = waves.at(u, v);
                let (u, v) = (20.0 * (u + wave_x) + 13.5, 20.0 * (v + wave_y) + 13.5);
                // Beyond the digit's own pixels there is none of its ink.
                let inside = -1.0..SIDE as f32;
                if !inside.contains(&u) || !inside.contains(&v) {
                    continue;
                }
                // From -1 on, what is cut off is what is rounded down, and `floor` is a call.
                let (left, top) = ((u + 1.0) as i32 - 1, (v + 1.0) as i32 - 1);
                let (s, t) = (u - left as f32, v - top as f32);
                let row = |y: i32| pixel(left, y) * (1.0 - s) + pixel(left + 1, y) * s;
                let value = row(top) * (1.0 - t) + row(top + 1) * t;
                let ink = ((value - edge) / soft + 0.5).clamp(0.0, 1.0).min(value * 4.0);
                let there = &mut self.amount[y * self.width + x];
                *there = there.max(ink);
            }
        }
    }
}

/// Smooth random displacements, as shares of a digit's size.
#[derive(Clone, Copy, Debug)]
pub struct Waves([[[f32; 2]; Waves::GRID]; Waves::GRID]);

impl Waves {
    const GRID: usize = 5;
    /// No displacement.
    pub const NONE: Self = Self([[[0.0; 2]; Self::GRID]; Self::GRID]);

    /// Displacements of `sigma` standard deviation.
    pub fn new(sigma: f32, rng: &mut Rng) -> Self {
        Self(std::array::from_fn(|_| {
            std::array::from_fn(|_| [sigma * rng.normal(), sigma * rng.normal()])
        }))
    }

    /// The displacement at a place of a digit, coordinates from -0.7 to 0.7.
    fn at(&self, u: f32, v: f32) -> [f32; 2] {
        let grid = |t: f32| ((t + 0.7) / 1.4 * (Self::GRID - 1) as f32).clamp(0.0, 3.999);
        let (x, y) = (grid(u), grid(v));
        let (i, j) = (x as usize, y as usize);
        let smooth = |t: f32| t * t * (3.0 - 2.0 * t);
        let (s, t) = (smooth(x - i as f32), smooth(y - j as f32));
        std::array::from_fn(|k| {
            let row = |j: usize| self.0[j][i][k] * (1.0 - s) + self.0[j][i + 1][k] * s;
            row(j) * (1.0 - t) + row(j + 1) * t
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binarized_ink_is_all_or_nothing_and_a_dry_pen_only_leaves_out() {
        let mut rng = Rng::new(1, &[]);
        let mut ink = Ink::none(28, 28);
        let place = Place { middle: [14.0, 14.0], right: [18.0, 0.0], down: [0.0, 20.0] };
        let lines = strokes("50,0 12,25 5,50 15,80 50,100 85,80 95,50 85,20 50,0", 0.0, &mut rng);
        ink.draw(&lines, &place, 2.0, 0.0, &mut rng);
        assert!(ink.amount.iter().any(|a| (0.1..0.9).contains(a)));
        ink.binarize();
        let sum = |ink: &Ink| ink.amount.iter().sum::<f32>();
        assert!(ink.amount.iter().all(|a| [0.0, 1.0].contains(a)) && sum(&ink) > 60.0);
        let mut dry = ink.clone();
        dry.dry_out(&mut rng);
        assert!((0.4..1.0).contains(&(sum(&dry) / sum(&ink))));
        assert!(dry.amount.iter().zip(&ink.amount).all(|(dry, wet)| dry <= wet));
    }
}
