//! Confidence to be believed: of what is said with 0.9, nine in ten shall be right.
//!
//! A network that has learned its training pictures well is too sure of others. Dividing its last
//! sums by a temperature (Guo, Pleiss, Sun and Weinberger 2017) changes no answer, only how sure it
//! is; the one number is fitted on pictures that were not learned from.

use crate::model::Model;
use crate::scene::Examples;

/// Temperatures that are looked at.
const RANGE: (f64, f64) = (0.5, 4.0);

/// Fits the temperature to labelled glyphs and divides the weights of the model's last layer by it.
/// Returns the temperature: above 1 where the model was too sure.
///
/// # Panics
/// If there are no examples.
pub fn calibrate(model: &mut Model, examples: &Examples) -> f32 {
    assert!(!examples.is_empty(), "a temperature is fitted on examples");
    let logs: Vec<[f64; 11]> = model.probabilities(examples.images()).iter().map(logs).collect();
    // The loss has one minimum; each step leaves out the third that cannot hold it.
    let (mut low, mut high) = RANGE;
    while high - low > 0.001 {
        let (a, b) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
        if loss(&logs, examples, a) < loss(&logs, examples, b) { high = b } else { low = a }
    }
    let temperature = low.midpoint(high) as f32;
    let last = model.network.layers().len() - 1;
    for spec in model.network.tensors().iter().filter(|spec| spec.place().0 == last) {
        let values = model.params.tensor(spec).into_iter().map(|v| v / temperature);
        model.params.set_tensor(spec, &values.collect::<Vec<f32>>());
    }
    temperature
}

/// The logarithms of the ten probabilities, and of what is missing to 1: "no digit".
fn logs(digits: &[f32; 10]) -> [f64; 11] {
    let none = 1.0 - digits.iter().map(|&p| f64::from(p)).sum::<f64>();
    let p = |i: usize| digits.get(i).map_or(none, |&p| f64::from(p));
    std::array::from_fn(|i| p(i).max(1e-7).ln())
}

/// Mean of -ln p of the right classes at a temperature.
fn loss(logs: &[[f64; 11]], examples: &Examples, temperature: f64) -> f64 {
    let one = |(i, logs): (usize, &[f64; 11])| {
        let sum: f64 = logs.iter().map(|l| (l / temperature).exp()).sum();
        sum.ln() - logs[usize::from(examples.class(i))] / temperature
    };
    logs.iter().enumerate().map(one).sum::<f64>() / logs.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::best;

    #[test]
    fn a_model_made_too_sure_is_brought_back_and_answers_as_before() {
        let digits = crate::data::sample();
        let mut examples = Examples::default();
        for i in 0..1000 {
            examples.push(digits.image(i).try_into().unwrap(), digits.label(i));
        }
        // A few labels are wrong, so that nobody can be sure.
        for i in 1000..1100 {
            examples.push(digits.image(i).try_into().unwrap(), (digits.label(i) + 1) % 10);
        }
        let mut model = Model::bundled();
        calibrate(&mut model, &examples);
        let again = calibrate(&mut model, &examples);
        assert!((again - 1.0).abs() < 0.01, "{again}");
        let before: Vec<u8> = read(&model, &examples);
        let last = model.network.tensors().pop().unwrap().place().0;
        for spec in model.network.tensors().iter().filter(|s| s.place().0 == last) {
            let sharper: Vec<f32> =
                model.params.tensor(spec).into_iter().map(|v| 2.0 * v).collect();
            model.params.set_tensor(spec, &sharper);
        }
        let temperature = calibrate(&mut model, &examples);
        assert!((temperature - 2.0).abs() < 0.02, "{temperature}");
        assert!(read(&model, &examples) == before);
    }

    fn read(model: &Model, examples: &Examples) -> Vec<u8> {
        model.probabilities(examples.images()).iter().map(|p| best(p).0).collect()
    }
}
