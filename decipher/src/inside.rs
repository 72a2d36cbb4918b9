//! Looking into a network: what each layer makes of a digit, which pixels spoke for an answer,
//! which units are dead, and what the network is worth with some units changed.

use decipher_nn::{Inputs, TensorSpec};
use rayon::prelude::*;

use crate::data::Dataset;
use crate::model::Model;

/// Digits that are looked at together.
const CHUNK: usize = 32;
/// A unit whose value moves less than this over all digits tells nothing about them.
const STILL: f32 = 1e-4;

/// Changes one unit: scales its weights and its bias (after batch normalisation, what the layer
/// scales and shifts its channel by), then shifts its bias.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// The layer, from 0; it must have weights.
    pub layer: usize,
    /// The unit (the last axis of the layer's weights), from 0.
    pub unit: usize,
    /// What its weights and bias are multiplied with; 0 switches it off.
    pub scale: f32,
    /// What is added to its bias afterwards.
    pub shift: f32,
}

impl Model {
    /// The values of every layer for one image (784 pixels, 0 = paper, 255 = ink), as long as the
    /// layer is wide. The last layer's are scores, not yet probabilities.
    ///
    /// # Panics
    /// If `image` is not of 784 pixels.
    pub fn layer_values(&self, image: &[u8]) -> Vec<Vec<f32>> {
        assert!(image.len() == Dataset::PIXELS, "an image has 784 pixels");
        let layers = 0..self.network.layers().len();
        layers.map(|layer| self.values_of(layer, image).remove(0)).collect()
    }

    /// The values of layer `layer` for each of `images`, on all threads of the current pool.
    ///
    /// # Panics
    /// If `images` are not whole images, or there is no such layer.
    pub fn values_of(&self, layer: usize, images: &[u8]) -> Vec<Vec<f32>> {
        assert!(images.len().is_multiple_of(Dataset::PIXELS), "images have 784 pixels each");
        let width = self.network.output_shape(layer).values();
        let chunk = |images: &[u8]| {
            let inputs = self.pixels.inputs(images);
            let rows: Vec<u32> = (0..inputs.rows() as u32).collect();
            let mut workspace = self.network.workspace(rows.len());
            let inputs = Inputs::Sparse(&inputs);
            let (net, params) = (&self.network, &self.params);
            let values = net.layer_values(layer, params, inputs, &rows, &mut workspace);
            values.chunks_exact(width).map(<[f32]>::to_vec).collect::<Vec<_>>()
        };
        images.par_chunks(CHUNK * Dataset::PIXELS).flat_map_iter(chunk).collect()
    }

    /// How each of the 784 pixels of `image` spoke for `digit`: for a pixel that is ink to this
    /// network, what the digit's score would lose were it paper; for any other, what it would gain
    /// were it ink. Scores are the last layer's values.
    ///
    /// # Panics
    /// If `image` is not of 784 pixels, or `digit` is above 9.
    pub fn influence(&self, image: &[u8], digit: usize) -> Vec<f32> {
        assert!(image.len() == Dataset::PIXELS && digit < 10, "784 pixels and a digit");
        // A faint rim is paper to a network whose pixels are binarised above it.
        let is_ink = |pixel: u8| self.pixels.value(pixel) > 0.0;
        let mut images = image.repeat(Dataset::PIXELS + 1);
        for (pixel, image) in images.chunks_exact_mut(Dataset::PIXELS).skip(1).enumerate() {
            image[pixel] = if is_ink(image[pixel]) { 0 } else { 255 };
        }
        let scores = self.values_of(self.network.layers().len() - 1, &images);
        let all = scores[0][digit];
        let changed = scores[1..].iter().zip(image);
        changed.map(|(s, &p)| if is_ink(p) { all - s[digit] } else { s[digit] - all }).collect()
    }

    /// For every layer, the units whose value is the same for all of `images`: they tell nothing.
    ///
    /// # Panics
    /// If `images` are not whole images.
    pub fn dead_units(&self, images: &[u8]) -> Vec<Vec<usize>> {
        let still = |layer| {
            let values = self.values_of(layer, images);
            let range = |unit: usize| {
                let all = values.iter().map(|row| row[unit]);
                all.fold((f32::MAX, f32::MIN), |(low, high), v| (low.min(v), high.max(v)))
            };
            let units = 0..self.network.output_shape(layer).values();
            units.filter(|&u| matches!(range(u), (low, high) if high - low < STILL)).collect()
        };
        (0..self.network.layers().len()).map(still).collect()
    }

    /// A copy with some units changed.
    ///
    /// # Errors
    /// A sentence, if a change names a layer without weights, or a unit it does not have.
    pub fn changed(&self, changes: &[Change]) -> Result<Model, String> {
        let mut model = self.clone();
        let specs = self.network.tensors();
        for &Change { layer, unit, scale, shift } in changes {
            if !scale.is_finite() || !shift.is_finite() {
                return Err(format!("layer {layer}, unit {unit}: scale and shift must be numbers"));
            }
            // The statistics of batch normalisation tell of its input, which stays as it was.
            let part = |s: &TensorSpec, names: [&str; 2]| {
                let (of, what) = s.place();
                of == layer && names.contains(&what)
            };
            let Some(added) = specs.iter().find(|s| part(s, ["bias", "shift"])) else {
                return Err(format!("layer {layer} has no weights to change"));
            };
            let units = added.len();
            if unit >= units {
                return Err(format!("layer {layer} has units 0 to {}, not {unit}", units - 1));
            }
            let multiplied = specs.iter().filter(|s| part(s, ["weight", "scale"]));
            for (spec, shift) in multiplied.map(|spec| (spec, 0.0)).chain([(added, shift)]) {
                let mut values = model.params.tensor(spec);
                let of_unit = values.iter_mut().skip(unit).step_by(units);
                of_unit.for_each(|w| *w = *w * scale + shift);
                model.params.set_tensor(spec, &values);
            }
        }
        Ok(model)
    }
}

/// The two directions in which `rows` (all of one length) differ most, and each row's place along
/// them, relative to the middle of all. Fewer than two rows all lie at 0.
pub fn principal_plane(rows: &[Vec<f32>]) -> Vec<[f32; 2]> {
    let Some(width) = rows.first().map(Vec::len) else { return vec![] };
    let mut mean = vec![0.0f32; width];
    for row in rows {
        mean.iter_mut().zip(row).for_each(|(m, v)| *m += v / rows.len() as f32);
    }
    let mut centred: Vec<Vec<f32>> =
        rows.iter().map(|row| row.iter().zip(&mean).map(|(v, m)| v - m).collect()).collect();
    let mut places = vec![[0.0; 2]; rows.len()];
    for axis in 0..2 {
        let direction = main_direction(&centred, axis);
        for (row, place) in centred.iter_mut().zip(&mut places) {
            place[axis] = dot(row, &direction);
            // What is left has nothing along this direction, so the next is perpendicular to it.
            let along = place[axis];
            row.iter_mut().zip(&direction).for_each(|(v, d)| *v -= along * d);
        }
    }
    places
}

/// Rounds of the power iteration; the plane is for the eye.
const ROUNDS: usize = 40;

/// The direction (of length 1) in which centred rows differ most.
fn main_direction(rows: &[Vec<f32>], axis: usize) -> Vec<f32> {
    let mut rng = decipher_nn::Rng::new(axis as u64, &[]);
    let mut direction: Vec<f32> = rows[0].iter().map(|_| rng.normal()).collect();
    for _ in 0..ROUNDS {
        let mut next = vec![0.0; direction.len()];
        for row in rows {
            let along = dot(row, &direction);
            next.iter_mut().zip(row).for_each(|(n, v)| *n += along * v);
        }
        let length = dot(&next, &next).sqrt();
        if length < f32::MIN_POSITIVE {
            break; // the rows do not differ at all
        }
        direction = next.into_iter().map(|v| v / length).collect();
    }
    let length = dot(&direction, &direction).sqrt();
    direction.into_iter().map(|v| v / length).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::sample;
    use crate::metrics::best;
    use crate::model::{Pixels, Source};
    use crate::recipe::Recipe;
    use crate::train::untrained;

    #[test]
    fn the_last_layer_decides() {
        let (model, digits) = (Model::bundled(), sample().range(0..40));
        let probabilities = model.probabilities(digits.images());
        for (i, p) in probabilities.iter().enumerate() {
            let values = model.layer_values(digits.image(i));
            assert_eq!(values.len(), model.network.layers().len());
            let scores = &values[values.len() - 1];
            assert_eq!(best(scores.first_chunk().unwrap()).0, best(p).0);
            let sum: f32 = scores.iter().map(|z| (z - scores[0]).exp()).sum();
            assert!((p[0] - 1.0 / sum).abs() < 1e-4);
        }
    }

    #[test]
    fn an_influence_is_what_the_pixel_changes() {
        let (model, digits) = (Model::bundled(), sample().range(0..1));
        let image = digits.image(0);
        let digit = usize::from(digits.label(0));
        let score = |image: &[u8]| model.layer_values(image).pop().unwrap()[digit];
        let influence = model.influence(image, digit);
        let inked = image.iter().position(|&p| p > 200).unwrap();
        let mut without = image.to_vec();
        without[inked] = 0;
        assert!((influence[inked] - (score(image) - score(&without))).abs() < 1e-3);
        assert!(influence.iter().any(|&v| v > 0.0) && influence.iter().any(|&v| v < 0.0));
    }

    #[test]
    fn a_rim_below_the_threshold_is_paper() {
        let mut model = Model::bundled();
        model.pixels = Pixels::Binary { above: 79 };
        let mut image = [0; Dataset::PIXELS];
        image[400] = 79;
        let mut inked = image;
        inked[400] = 255;
        let score = |image: &[u8]| model.layer_values(image).pop().unwrap()[3];
        let gain = score(&inked) - score(&image);
        assert!(gain.abs() > 1e-3 && (model.influence(&image, 3)[400] - gain).abs() < 1e-3);
    }

    #[test]
    fn a_unit_switched_off_is_dead() {
        let (model, digits) = (Model::bundled(), sample().range(0..64));
        let before = model.dead_units(digits.images());
        let shape = model.network.output_shape(0);
        let alive = (0..shape.values()).find(|u| !before[0].contains(u)).unwrap();
        // Of a convolution, the units of a channel have their weights in common.
        let unit = alive % shape.channels;
        let changed = model.changed(&[Change { layer: 0, unit, scale: 0.0, shift: 0.0 }]).unwrap();
        assert!(changed.dead_units(digits.images())[0].contains(&alive));
        let same = model.changed(&[Change { layer: 0, unit, scale: 1.0, shift: 0.0 }]).unwrap();
        assert!(same.params.values() == model.params.values());
        for (layer, unit) in [(2, 0), (99, 0), (0, 1 << 20)] {
            assert!(model.changed(&[Change { layer, unit, scale: 0.0, shift: 0.0 }]).is_err());
        }
    }

    #[test]
    fn a_channel_is_scaled_and_shifted_also_behind_batch_normalisation() {
        let recipe = Recipe::find("fast-99").unwrap();
        let model = untrained(&recipe, Source::Sample, 1);
        let image = sample().image(0).to_vec();
        for layer in [0, 1] {
            let change = Change { layer, unit: 3, scale: 0.5, shift: 0.25 };
            let changed = model.changed(&[change]).unwrap();
            let (before, after) = (
                model.values_of(layer, &image).remove(0),
                changed.values_of(layer, &image).remove(0),
            );
            let channels = model.network.output_shape(layer).channels;
            for (i, (b, a)) in before.iter().zip(&after).enumerate() {
                let expected = if i % channels == 3 { 0.5 * b + 0.25 } else { *b };
                assert!((a - expected).abs() < 1e-5, "layer {layer}, value {i}: {b} -> {a}");
            }
        }
    }

    #[test]
    fn the_plane_holds_the_largest_differences() {
        // A long cloud along (1, 1, 0), a short one along (1, -1, 0), almost nothing along z.
        let mut rng = decipher_nn::Rng::new(1, &[]);
        let rows: Vec<Vec<f32>> = (0..500)
            .map(|_| {
                let (a, b, c) = (9.0 * rng.normal(), 3.0 * rng.normal(), 0.1 * rng.normal());
                vec![a + b + 5.0, a - b, c]
            })
            .collect();
        let places = principal_plane(&rows);
        let spread =
            |axis: usize| (places.iter().map(|p| p[axis] * p[axis]).sum::<f32>() / 500.0).sqrt();
        assert!((spread(0) / (9.0 * 2f32.sqrt()) - 1.0).abs() < 0.1, "{}", spread(0));
        assert!((spread(1) / (3.0 * 2f32.sqrt()) - 1.0).abs() < 0.1, "{}", spread(1));
        assert!(principal_plane(&[]).is_empty());
        assert!(principal_plane(&vec![vec![1.0; 3]; 4]).iter().flatten().all(|v| v.abs() < 1e-6));
    }
}
