//! Teaching: a model trains further on a person's own digits, mixed with the built-in ones so
//! that little is forgotten.

use decipher_nn::{Init, Layer, Rng, Schedule};

use crate::augment::Augment;
use crate::data::{Dataset, sample};
use crate::metrics::accuracy;
use crate::model::{Model, Source};
use crate::recipe::{DataPlan, Optimizer, Recipe, Training};
use crate::scene::{Examples, NONE, SceneMix};
use crate::train::{Options, Progress, Split, TrainError, train_from};

/// The built-in digits from here on are held back: no lesson is learned from them.
const OTHERS: std::ops::Range<usize> = 4_250..5_000;
/// Built-in digits that a lesson is mixed with.
const MIXED_IN: usize = 700;
/// How often own digits are repeated so that they weigh against those: at most this often, and
/// until they are half of the lesson.
const MOST_REPEATS: usize = 40;
/// Of the own digits, each of this many is held back to measure with, once there are as many.
const HELD_BACK: usize = 4;
/// How often a lesson is gone through.
pub const EPOCHS: u32 = 3;
/// What the order of the own digits is drawn with.
const DEAL: u64 = 7;

/// What came of a lesson.
pub struct Lesson {
    /// The model, taught.
    pub model: Model,
    /// Own digits that were learned from.
    pub learned_from: usize,
    /// On own digits that were held back; `None` with too few digits to hold any back.
    pub mine: Option<BeforeAfter>,
    /// On 750 built-in digits that were held back from the lesson, to see what was forgotten. A
    /// model trained on MNIST has seen them in its youth, so the values themselves flatter it.
    pub others: BeforeAfter,
    /// Whether the caller broke it off.
    pub interrupted: bool,
}

/// Share read right, 0 to 1, of `count` digits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BeforeAfter {
    /// Digits.
    pub count: usize,
    /// Before the lesson.
    pub before: f64,
    /// After it.
    pub after: f64,
}

/// Teaches `model` the digits `mine`. Every fourth of them (drawn by the seed in `options`) is
/// held back and measured with, where there are at least four. `options.epochs` is how often the
/// mixture is gone through, [`EPOCHS`] times without it.
///
/// # Errors
/// If there are no digits, or as [`crate::train::train`].
pub fn teach(
    model: &Model,
    mine: &Dataset,
    options: Options,
    progress: &mut Progress,
) -> Result<Lesson, TrainError> {
    if mine.is_empty() {
        return Err(TrainError::TooFewDigits { have: 0, need: 1 });
    }
    let mut order: Vec<usize> = (0..mine.len()).collect();
    Rng::new(options.seed, &[DEAL]).shuffle(&mut order);
    let (held_back, learned) = order.split_at(mine.len() / HELD_BACK);
    let held_back = mine.select(held_back);
    let sample = sample();
    let others = sample.range(OTHERS);
    let split = Split {
        train: mixture(&mine.select(learned), &sample),
        validation: others.clone(),
        test: others.clone(),
        source: model.training.source,
        pictures: Examples::default(),
        things: Examples::default(),
    };
    let recipe = recipe(model, options.epochs.unwrap_or(EPOCHS));
    let mut trained = train_from(model.params.clone(), &recipe, &split, options, progress)?;
    trained.model.training.steered |= model.training.steered;
    let measure = |digits: &Dataset| {
        let right =
            |model: &Model| accuracy(&model.probabilities(digits.images()), digits.labels());
        BeforeAfter { count: digits.len(), before: right(model), after: right(&trained.model) }
    };
    let (mine, others) = ((!held_back.is_empty()).then(|| measure(&held_back)), measure(&others));
    let interrupted = trained.interrupted;
    Ok(Lesson { learned_from: learned.len(), mine, others, interrupted, model: trained.model })
}

/// Own digits, repeated, and built-in ones.
fn mixture(learned: &Dataset, sample: &Dataset) -> Dataset {
    let repeats = (MIXED_IN / learned.len()).clamp(1, MOST_REPEATS);
    let others = sample.range(0..MIXED_IN);
    let images = [&learned.images().repeat(repeats), others.images()].concat();
    let labels = [&learned.labels().repeat(repeats), others.labels()].concat();
    Dataset::new(images, labels).expect("both halves are whole")
}

/// What a lesson of so many `epochs` does: the model's own network, trained gently.
pub fn recipe(model: &Model, epochs: u32) -> Recipe {
    let is_dense = |layer: &Layer| matches!(layer, Layer::Dense { .. });
    let recipe = &model.training.recipe;
    let name = if recipe.ends_with(TAUGHT) { recipe.clone() } else { format!("{recipe}{TAUGHT}") };
    Recipe {
        name,
        description: String::new(),
        pixels: model.pixels,
        network: model.network.clone(),
        loss: model.loss,
        init: Init::He, // not used: the weights are there
        training: Training {
            optimizer: Optimizer::Sgd,
            label_smoothing: 0.0,
            average: 0.98,
            // What convolutions have learned to see holds for every hand. To train only what makes
            // digits of it takes a third of the time and learns as much.
            frozen: model.network.layers().iter().position(is_dense).unwrap_or(0),
            epochs,
            batch: 32,
            learning_rate: 0.02,
            schedule: Schedule::Cosine,
            momentum: 0.9,
            weight_decay: 0.0,
            // The last round shows digits as they are: distorted ones are softer than what will be read.
            plain: if epochs > 1 { 1.0 / epochs as f32 } else { 0.0 },
            shuffle: true,
            augment: Some(Augment {
                shift: 1.0,
                rotate: 8.0,
                scale: 0.08,
                shear: 0.1,
                elastic: 0.7,
                stroke: 0.2,
                ..Augment::default()
            }),
            // What is no digit must stay known to a network that knows it, so it is more frequent here
            // than in the network's youth: with less of it, more is taken for a digit. The averaged
            // weights keep the running statistics of batch normalisation from hanging on few steps.
            scenes: (model.network.outputs() > usize::from(NONE)).then_some(SceneMix {
                share: 0.5,
                none: 0.95,
                touching: 0.0,
            }),
        },
        data: DataPlan { train: None, validation: 1, test: None, test_every_epoch: false },
    }
}

/// Follows the recipe's name in the record of a model that was taught.
const TAUGHT: &str = ", taught";

/// The 750 built-in digits that no lesson and no recipe learns from, as long as the recipe trains on
/// built-in digits.
pub fn held_back() -> Dataset {
    sample().range(OTHERS)
}

/// Digits that `model` has not learned from and that are at hand without MNIST: [`held_back`];
/// `None` for a model that was trained on MNIST, which has seen them all.
pub fn unseen(model: &Model) -> Option<Dataset> {
    (model.training.source == Source::Sample).then(held_back)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::Scenes;
    use std::ops::ControlFlow;

    /// A hand whose digits lean far to the left.
    fn leaning() -> Dataset {
        let digits = sample().range(2_500..2_740);
        let images = crate::distort::Distortion::Rotation.apply(digits.images(), -50.0);
        Dataset::new(images, digits.labels().to_vec()).unwrap()
    }

    /// 1,000 photographs of no digit.
    fn no_digits() -> Vec<u8> {
        let (digits, nothing) = (sample(), Examples::default());
        let mix = SceneMix { share: 0.5, none: 1.0, touching: 0.0 };
        let scenes = Scenes { digits: &digits, pictures: &nothing, things: &nothing, mix };
        let one = |i| scenes.example(i, &mut Rng::new(99, &[i as u64])).0;
        (0..1_000).flat_map(one).collect()
    }

    #[test]
    fn a_hand_is_learned_and_nothing_forgotten() {
        let options = Options { epochs: None, seed: 1, threads: 2 };
        let lesson =
            teach(&Model::bundled(), &leaning(), options, &mut |_, _| ControlFlow::Continue(()))
                .unwrap();
        let (mine, others) = (lesson.mine.unwrap(), lesson.others);
        assert_eq!((mine.count, lesson.learned_from, others.count), (60, 180, 750));
        assert!(mine.after > mine.before + 0.05, "{mine:?}");
        assert!(others.after > others.before - 0.01, "{others:?}");
        let none = no_digits();
        let claimed = |model: &Model| {
            let digit = |p: &&[f32; 10]| p.iter().any(|&p| p >= 0.5);
            model.probabilities(&none).iter().filter(digit).count()
        };
        let (before, after) = (claimed(&Model::bundled()), claimed(&lesson.model));
        assert!(
            after < before + 20,
            "of 1,000 without a digit {before} were called one, now {after}"
        );
        assert_eq!(lesson.model.training.recipe, "reader, taught");
        let bytes = lesson.model.to_bytes();
        assert!(Model::from_bytes(&bytes, "it").is_ok());
    }

    #[test]
    fn few_digits_are_all_learned_from_and_none_is_an_error() {
        let options = Options { epochs: Some(1), seed: 1, threads: 1 };
        let go_on = &mut |_: crate::train::Event, _: crate::train::Live| ControlFlow::Continue(());
        let three = leaning().range(0..3);
        let lesson = teach(&Model::bundled(), &three, options, go_on).unwrap();
        assert!(lesson.mine.is_none() && lesson.learned_from == 3);
        assert!(teach(&Model::bundled(), &three.range(0..0), options, go_on).is_err());
    }
}
