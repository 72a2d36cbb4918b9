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

/// Changes every weight, layer by layer: noise first, then the smallest are set to 0. Biases and
/// batch normalisation stay.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Damage {
    /// Standard deviation of normal noise, as a share of the deviation of the layer's weights, 0 to
    /// 10.
    pub noise: f32,
    /// Share of the layer's weights that is set to 0, the smallest by size, 0 to 1.
    pub prune: f32,
    /// What the noise is drawn from.
    pub seed: u64,
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

    /// A copy with all weights changed.
    ///
    /// # Errors
    /// A sentence, if the noise is not from 0 to 10, or the share is not from 0 to 1.
    pub fn damaged(&self, damage: &Damage) -> Result<Model, String> {
        let &Damage { noise, prune, seed } = damage;
        if !(0.0..=10.0).contains(&noise) {
            return Err("the noise must be from 0 to 10".into());
        }
        if !(0.0..=1.0).contains(&prune) {
            return Err("the share to prune must be from 0 to 1".into());
        }
        let mut model = self.clone();
        for spec in self.network.tensors().iter().filter(|spec| spec.place().1 == "weight") {
            let mut weights = self.params.tensor(spec);
            let sigma = noise * deviation(&weights) as f32;
            let mut rng = decipher_nn::Rng::new(seed, &[spec.place().0 as u64]);
            weights.iter_mut().for_each(|w| *w += sigma * rng.normal());
            let mut order: Vec<usize> = (0..weights.len()).collect();
            // Of equals the first, so that the share is exact.
            order.sort_by(|&a, &b| weights[a].abs().total_cmp(&weights[b].abs()));
            let count = (prune * weights.len() as f32).round() as usize;
            order.into_iter().take(count).for_each(|at| weights[at] = 0.0);
            model.params.set_tensor(spec, &weights);
        }
        Ok(model)
    }

    /// A copy with some units changed.
    ///
    /// # Errors
    /// A sentence, if a change names a layer without weights or a unit it does not have, or scales
    /// or shifts it beyond ±100.
    pub fn changed(&self, changes: &[Change]) -> Result<Model, String> {
        let mut model = self.clone();
        let specs = self.network.tensors();
        for &Change { layer, unit, scale, shift } in changes {
            if !(scale.abs() <= 100.0 && shift.abs() <= 100.0) {
                return Err(format!(
                    "layer {layer}, unit {unit}: scale and shift must be from -100 to 100"
                ));
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

/// The standard deviation of some weights.
pub fn deviation(weights: &[f32]) -> f64 {
    let count = weights.len().max(1) as f64;
    let mean = weights.iter().map(|&w| f64::from(w)).sum::<f64>() / count;
    (weights.iter().map(|&w| (f64::from(w) - mean).powi(2)).sum::<f64>() / count).sqrt()
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
        for (scale, shift) in [(101.0, 0.0), (-101.0, 0.0), (f32::NAN, 0.0), (1.0, f32::INFINITY)] {
            assert!(model.changed(&[Change { layer: 0, unit, scale, shift }]).is_err());
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
    fn noise_and_pruning_are_as_large_as_asked() {
        let model = Model::bundled();
        let damaged = |noise, prune, seed| model.damaged(&Damage { noise, prune, seed }).unwrap();
        assert!(damaged(0.0, 0.0, 1).params.values() == model.params.values());
        assert!(damaged(0.2, 0.0, 1).params.values() == damaged(0.2, 0.0, 1).params.values());
        assert!(damaged(0.2, 0.0, 1).params.values() != damaged(0.2, 0.0, 2).params.values());
        let (noisy, pruned) = (damaged(0.5, 0.0, 1), damaged(0.0, 0.3, 1));
        for spec in model.network.tensors() {
            let of = |model: &Model| model.params.tensor(&spec);
            let (before, noisy, pruned) = (of(&model), of(&noisy), of(&pruned));
            if spec.place().1 != "weight" {
                assert!(noisy == before && pruned == before);
                continue;
            }
            let added: Vec<f32> = noisy.iter().zip(&before).map(|(n, b)| n - b).collect();
            let share = deviation(&added) / deviation(&before);
            assert!((share / 0.5 - 1.0).abs() < 0.2, "{spec:?}: {share}");
            let gone: Vec<f32> =
                before.iter().zip(&pruned).filter(|(_, p)| **p == 0.0).map(|(b, _)| *b).collect();
            assert_eq!(gone.len(), (0.3 * before.len() as f32).round() as usize);
            let largest = gone.iter().fold(0.0f32, |most, w| most.max(w.abs()));
            assert!(pruned.iter().all(|w| *w == 0.0 || w.abs() >= largest));
        }
        assert!(
            damaged(0.0, 1.0, 1).values_of(0, &[0; Dataset::PIXELS])[0]
                .iter()
                .all(|v| v.is_finite())
        );
        for (noise, prune) in
            [(-0.1, 0.0), (10.1, 0.0), (f32::NAN, 0.0), (0.0, 1.1), (0.0, f32::NAN)]
        {
            assert!(model.damaged(&Damage { noise, prune, seed: 1 }).is_err());
        }
    }
}
