//! Training: a recipe and digits in, a model out.

use std::cell::OnceCell;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use decipher_nn::{
    BatchTrainer, BatchTraining, Inputs, Method, Objective, Online, Params, Rng, SparseMatrix,
};
use rayon::prelude::*;

use crate::augment::Augment;
use crate::data::Dataset;
use crate::metrics::accuracy;
use crate::model::{Model, Source, TrainingRecord};
use crate::recipe::{Optimizer, Recipe, Training};
use crate::scene::Scenes;

mod settings;
mod split;

pub use settings::Settings;
pub use split::Split;

/// What randomness is for; together with seed, epoch and digit the key of a generator.
const SHUFFLE: u64 = 1;
const AUGMENT: u64 = 2;
const SCENE: u64 = 3;
/// Digits between two reports inside an epoch.
const REPORT: usize = 6_000;

/// What one may choose besides the recipe.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Epochs instead of the recipe's; the learning rate's schedule spans them.
    pub epochs: Option<u32>,
    /// Of weights, order and distortions.
    pub seed: u64,
    /// Threads; the result does not depend on them. 0: one per core.
    pub threads: usize,
}

/// What happens while training.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// Some more digits of the epoch have been learned from.
    Progress {
        /// The epoch, from 1.
        epoch: u32,
        /// How many of all epochs' digits are done, 0 to 1.
        done: f64,
        /// Mean loss of this epoch so far.
        loss: f64,
    },
    /// An epoch is over.
    Epoch(Epoch),
}

/// What the caller sees, and may change, at every [`Event`].
pub struct Live<'a> {
    /// The model as it is now.
    pub model: &'a Model,
    /// How the training goes on.
    pub settings: &'a mut Settings,
}

/// An epoch, when it is over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// From 1.
    pub epoch: u32,
    /// Mean loss over the epoch's digits, each before it was learned from.
    pub loss: f64,
    /// Share of the held-back digits read right, 0 to 1.
    pub validation_accuracy: f64,
    /// Share of the test digits read right, where the recipe asks for it after every epoch.
    pub test_accuracy: Option<f64>,
    /// Seconds of training since the start: order, distortions and steps, but not loading,
    /// turning pixels into inputs once, or evaluating.
    pub train_seconds: f64,
}

/// What training gives.
pub struct Trained {
    /// The model after the last step.
    pub model: Model,
    /// The finished epochs.
    pub epochs: Vec<Epoch>,
    /// As [`Epoch::train_seconds`], at the end.
    pub train_seconds: f64,
    /// Whether the caller broke it off.
    pub interrupted: bool,
}

/// Why there is no trained model.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The recipe plans with more digits than the data has.
    #[error("the recipe needs {need} training digits, there are {have}")]
    TooFewDigits {
        /// Digits there are.
        have: usize,
        /// Digits asked for.
        need: usize,
    },
    /// The loss is no longer a number.
    #[error("the training diverged in epoch {epoch} (loss {loss}); try a smaller learning rate")]
    Diverged {
        /// The epoch, from 1.
        epoch: u32,
        /// What the loss was.
        loss: f64,
    },
    /// The operating system gave no threads.
    #[error("no threads to train on: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}

/// Hears of every epoch and of about ten steps inside it. Training waits for it, so that it may
/// also pause; where it returns [`ControlFlow::Break`], training ends.
pub type Progress<'a> = dyn FnMut(Event, Live) -> ControlFlow<()> + Send + 'a;

/// Trains the recipe's network on `split`. The same recipe, digits and seed give the same bits.
///
/// # Errors
/// If the loss stops being a number, or there are no threads to be had.
pub fn train(
    recipe: &Recipe,
    split: &Split,
    options: Options,
    progress: &mut Progress,
) -> Result<Trained, TrainError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads).build()?;
    pool.install(|| Run::new(recipe, split, options).all(progress))
}

/// Trains on from `params` instead of fresh ones; all else is as in [`train`].
///
/// # Panics
/// If `params` are not of the recipe's network.
///
/// # Errors
/// As [`train`].
pub fn train_from(
    params: Params,
    recipe: &Recipe,
    split: &Split,
    options: Options,
    progress: &mut Progress,
) -> Result<Trained, TrainError> {
    let size = recipe.network.zeros().values().len();
    assert!(params.values().len() == size, "parameters of another network");
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads).build()?;
    pool.install(|| {
        let mut run = Run::new(recipe, split, options);
        run.model.params = params;
        run.all(progress)
    })
}

/// The recipe's network before the first step.
pub fn untrained(recipe: &Recipe, source: Source, seed: u64) -> Model {
    Model {
        network: recipe.network.clone(),
        params: recipe.network.init(recipe.init, seed),
        loss: recipe.loss,
        pixels: recipe.pixels,
        training: TrainingRecord {
            recipe: recipe.name.clone(),
            decipher: env!("CARGO_PKG_VERSION").into(),
            seed,
            epochs: 0,
            steered: false,
            source,
            train_count: 0,
            validation_count: 0,
            loss: 0.0,
            validation_accuracy: 0.0,
        },
    }
}

/// The `count` first training digits, and their classes, as that epoch of the training shows them:
/// distorted, or with a scene in their place.
pub fn examples(
    recipe: &Recipe,
    split: &Split,
    seed: u64,
    epoch: u32,
    count: usize,
) -> Vec<([u8; Dataset::PIXELS], u8)> {
    let training = &recipe.training;
    let share = f64::from(epoch) / f64::from(training.epochs);
    let augment = training.augment.filter(|_| !is_plain(training, share));
    (0..count.min(split.train.len()) as u32)
        .map(|row| drawn(recipe, augment, split, seed, epoch, row))
        .collect()
}

struct Run<'a> {
    recipe: &'a Recipe,
    split: &'a Split,
    seed: u64,
    epochs: u32,
    model: Model,
    learner: Learner,
    /// What the caller makes of the recipe.
    settings: Settings,
    clock: Duration,
}

/// The two ways to go through an epoch.
enum Learner {
    /// Digit by digit, each changing the weights before the next is seen.
    Online(Online, SparseMatrix),
    /// Batch by batch; the digits as they are, once they have been asked for.
    Batch(BatchTrainer, OnceCell<SparseMatrix>),
}

impl<'a> Run<'a> {
    fn new(recipe: &'a Recipe, split: &'a Split, Options { epochs, seed, .. }: Options) -> Self {
        let training = &recipe.training;
        let inputs = || recipe.pixels.inputs(split.train.images());
        let settings = Settings::of(recipe);
        let batches = || {
            let label_smoothing = training.label_smoothing;
            let how = BatchTraining {
                objective: Objective { loss: recipe.loss, label_smoothing },
                optimizer: optimizer(training.optimizer, &settings),
                average: training.average,
                seed,
                frozen: training.frozen,
            };
            BatchTrainer::new(&recipe.network, how, training.batch)
        };
        let learner = if training.is_online(&recipe.network) {
            Learner::Online(Online::new(&recipe.network), inputs())
        } else {
            let cell = OnceCell::new();
            if training.augment.is_none() && training.scenes.is_none() {
                cell.get_or_init(inputs);
            }
            Learner::Batch(batches(), cell)
        };
        let mut model = untrained(recipe, split.source, seed);
        model.training.train_count = split.train.len();
        model.training.validation_count = split.validation.len();
        let epochs = epochs.unwrap_or(training.epochs);
        Self { recipe, split, seed, epochs, model, learner, settings, clock: Duration::ZERO }
    }

    fn all(mut self, progress: &mut Progress) -> Result<Trained, TrainError> {
        let mut epochs: Vec<Epoch> = Vec::new();
        let mut interrupted = false;
        for epoch in 0..self.epochs {
            let (loss, flow) = self.epoch(epoch, progress);
            if !loss.is_finite() || self.model.params.values().iter().any(|v| !v.is_finite()) {
                return Err(TrainError::Diverged { epoch: epoch + 1, loss });
            }
            self.model.training.loss = loss;
            let validation_accuracy = self.accuracy(&self.split.validation);
            self.model.training.validation_accuracy = validation_accuracy;
            interrupted = flow.is_break();
            if interrupted {
                break;
            }
            self.model.training.epochs = epoch + 1;
            let test_every_epoch = self.recipe.data.test_every_epoch;
            epochs.push(Epoch {
                epoch: epoch + 1,
                loss,
                validation_accuracy,
                test_accuracy: test_every_epoch.then(|| self.accuracy(&self.split.test)),
                train_seconds: self.clock.as_secs_f64(),
            });
            let live = Live { model: &self.model, settings: &mut self.settings };
            interrupted = progress(Event::Epoch(epochs[epoch as usize]), live).is_break();
            if interrupted {
                break;
            }
        }
        let train_seconds = self.clock.as_secs_f64();
        Ok(Trained { model: self.result(), epochs, train_seconds, interrupted })
    }

    /// The averaged weights, where the recipe asks for them.
    fn average(&self) -> Option<&Params> {
        match &self.learner {
            Learner::Batch(trainer, _) => trainer.average(),
            Learner::Online(..) => None,
        }
    }

    /// The model as it would be if training ended here.
    fn result(&self) -> Model {
        let params = self.average().unwrap_or(&self.model.params).clone();
        Model { params, ..self.model.clone() }
    }

    fn accuracy(&self, digits: &Dataset) -> f64 {
        accuracy(&self.result().probabilities(digits.images()), digits.labels())
    }

    /// One epoch, or the part until `progress` broke it off; returns its mean loss.
    fn epoch(&mut self, epoch: u32, progress: &mut Progress) -> (f64, ControlFlow<()>) {
        let mut started = Instant::now();
        let count = self.split.train.len();
        let mut order: Vec<u32> = (0..count as u32).collect();
        if self.recipe.training.shuffle {
            Rng::new(self.seed, &[SHUFFLE, epoch.into()]).shuffle(&mut order);
        }
        let batch = self.recipe.training.batch;
        let (mut sum, mut done) = (0.0, 0);
        for rows in order.chunks(REPORT.next_multiple_of(batch)) {
            sum += self.steps(epoch, done, rows);
            done += rows.len();
            self.clock += started.elapsed();
            let all = (f64::from(epoch) + done as f64 / count as f64) / f64::from(self.epochs);
            let loss = sum / done as f64;
            let live = Live { model: &self.model, settings: &mut self.settings };
            if progress(Event::Progress { epoch: epoch + 1, done: all, loss }, live).is_break() {
                return (loss, ControlFlow::Break(()));
            }
            started = Instant::now();
        }
        (sum / count as f64, ControlFlow::Continue(()))
    }

    /// Learns from `rows`, before which `done` digits of the epoch have been learned from.
    fn steps(&mut self, epoch: u32, done: usize, rows: &[u32]) -> f64 {
        let Self { recipe, split, seed, epochs, settings, ref mut model, ref mut learner, .. } =
            *self;
        let training = &recipe.training;
        let count = split.train.len() as f64;
        let share = |done: usize| (f64::from(epoch) + done as f64 / count) / f64::from(epochs);
        let rate = |done: usize| {
            settings.rate * training.learning_rate * training.schedule.factor(share(done))
        };
        let augment = settings.augment.filter(|_| !is_plain(training, share(done)));
        model.training.steered |= settings != Settings::of(recipe);
        if let Some(dropout) = settings.dropout {
            model.network = recipe.network.clone().with_dropout(dropout);
        }
        let Model { network, params, loss, pixels, .. } = model;
        let labels = split.train.labels();
        let (trainer, inputs) = match learner {
            Learner::Online(online, inputs) => {
                let decay = settings.weight_decay;
                let examples = (&*inputs, labels);
                let rate = |i| rate(done + i);
                return online.train(network, params, examples, rows, *loss, decay, &rate);
            }
            Learner::Batch(trainer, inputs) => (trainer, inputs),
        };
        trainer.go_on_with(network, optimizer(training.optimizer, &settings));
        let batches = rows.chunks(settings.batch).enumerate();
        let rate = |i: usize| rate(done + i * settings.batch);
        if augment.is_none() && training.scenes.is_none() {
            let inputs = inputs.get_or_init(|| pixels.inputs(split.train.images()));
            let step = |(i, rows): (usize, &[u32])| {
                trainer.step(network, params, (Inputs::Sparse(inputs), labels), rows, rate(i))
            };
            return batches.map(step).sum();
        }
        let all: Vec<u32> = (0..settings.batch as u32).collect();
        let mut inputs = vec![0.0; settings.batch * Dataset::PIXELS];
        let mut labels = vec![0; settings.batch];
        let step = |(i, rows): (usize, &[u32])| {
            let inputs = &mut inputs[..rows.len() * Dataset::PIXELS];
            let labels = &mut labels[..rows.len()];
            let images = inputs.par_chunks_mut(Dataset::PIXELS).zip(labels.par_iter_mut());
            images.zip(rows).for_each(|((to, label), &row)| {
                let (image, class) = drawn(recipe, augment, split, seed, epoch, row);
                to.iter_mut().zip(image).for_each(|(to, p)| *to = pixels.value(p));
                *label = class;
            });
            let examples = (Inputs::Dense(inputs), &labels[..]);
            trainer.step(network, params, examples, &all[..rows.len()], rate(i))
        };
        batches.map(step).sum()
    }
}

/// Whether distortions are over when that share of the training is done, 0 to 1.
fn is_plain(training: &Training, share: f64) -> bool {
    training.plain > 0.0 && share + 1e-6 >= 1.0 - f64::from(training.plain)
}

fn optimizer(method: Optimizer, settings: &Settings) -> decipher_nn::Optimizer {
    let method = match method {
        Optimizer::Sgd => Method::Sgd { momentum: settings.momentum },
        Optimizer::AdamW => Method::AdamW,
    };
    decipher_nn::Optimizer { method, weight_decay: settings.weight_decay }
}

/// Digit `row` of the training set as this epoch shows it, or a scene in its place, and its class.
fn drawn(
    recipe: &Recipe,
    augment: Option<Augment>,
    split: &Split,
    seed: u64,
    epoch: u32,
    row: u32,
) -> ([u8; Dataset::PIXELS], u8) {
    let (digits, index) = (&split.train, row as usize);
    let (mut image, mut class) = ([0; Dataset::PIXELS], digits.label(index));
    image.copy_from_slice(digits.image(index));
    if let Some(mix) = recipe.training.scenes {
        let mut rng = Rng::new(seed, &[SCENE, epoch.into(), row.into()]);
        if rng.uniform() < mix.share {
            let Split { pictures, things, .. } = split;
            let scenes = Scenes { digits, pictures, things, mix };
            (image, class) = scenes.example(index, &mut rng);
        }
    }
    if let Some(augment) = augment {
        let original = image;
        let mut rng = Rng::new(seed, &[AUGMENT, epoch.into(), row.into()]);
        augment.apply(&original, &mut rng, &mut image);
    }
    (image, class)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::RECIPES;

    fn run(recipe: &str, threads: usize, stop_after: usize) -> Trained {
        let recipe = Recipe::parse("r", recipe).unwrap();
        let split = Split::of_sample(&recipe.data);
        let mut events = 0;
        let options = Options { epochs: Some(2), seed: 1, threads };
        train(&recipe, &split, options, &mut |_, _| {
            events += 1;
            if events > stop_after { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap()
    }

    fn small(text: &str) -> String {
        text.replace("train = 3500", "train = 700").replace("validation = 750", "validation = 100")
    }

    const BATCHES: [&str; 3] = [
        "batch = 50",
        "batch = 50\nmomentum = 0.9",
        "batch = 50\naugment = { shift = 2, rotate = 9 }",
    ];

    #[test]
    fn threads_change_no_bit() {
        for batches in BATCHES {
            let recipe = small(RECIPES[0].1).replace("batch = 1", batches);
            let one = run(&recipe, 1, usize::MAX);
            for threads in [2, 3, 8] {
                let more = run(&recipe, threads, usize::MAX);
                assert!(one.model.params.values() == more.model.params.values(), "{batches}");
            }
        }
    }

    #[test]
    fn every_way_learns() {
        let mended = RECIPES[1].1.replace("epochs = 9", "epochs = 3");
        for batches in ["batch = 1"].into_iter().chain(BATCHES) {
            let rate = if batches == "batch = 1" { "= 0.02" } else { "= 0.1" };
            let recipe = mended.replace("batch = 1", batches).replace("= 0.02", rate);
            let trained = run(&recipe, 2, usize::MAX);
            let accuracy = trained.epochs[1].validation_accuracy;
            assert!(accuracy > 0.75, "{batches}: {accuracy}");
            assert!(trained.epochs[1].loss < trained.epochs[0].loss && !trained.interrupted);
            assert_eq!(trained.model.training.epochs, 2);
            assert!(!trained.model.training.steered);
        }
    }

    #[test]
    fn the_end_of_a_training_may_be_plain() {
        let trained =
            |batches: &str| run(&small(RECIPES[0].1).replace("batch = 1", batches), 1, 99);
        let [distorted, half, all, without] = [
            "batch = 50\naugment = { shift = 2 }",
            "batch = 50\naugment = { shift = 2 }\nplain = 0.5",
            "batch = 50\naugment = { shift = 2 }\nplain = 0.999",
            "batch = 50",
        ]
        .map(trained);
        // Of two epochs the first is distorted, or only the first digits are.
        assert_eq!(half.epochs[0].loss, distorted.epochs[0].loss);
        assert_ne!(half.epochs[1].loss, distorted.epochs[1].loss);
        assert_ne!(all.epochs[0].loss, without.epochs[0].loss);
        assert!(half.epochs[1].loss < distorted.epochs[1].loss);
        assert!(!half.model.training.steered);
    }

    #[test]
    fn broken_off_there_is_still_a_model() {
        for stop_after in [0, 1, 2] {
            let trained = run(&small(RECIPES[0].1), 1, stop_after);
            assert!(trained.interrupted);
            let bytes = trained.model.to_bytes();
            let model = Model::from_bytes(&bytes, "it").unwrap();
            assert_eq!(model.training.epochs as usize, trained.epochs.len());
        }
    }

    #[test]
    fn divergence_is_an_error() {
        let recipe =
            small(RECIPES[3].1).replace("= 3.0", "= 900.0").replace("\"sigmoid\"", "\"identity\"");
        let recipe = Recipe::parse("r", &recipe).unwrap();
        let options = Options { epochs: None, seed: 1, threads: 1 };
        let split = Split::of_sample(&recipe.data);
        let error =
            train(&recipe, &split, options, &mut |_, _| ControlFlow::Continue(())).err().unwrap();
        assert!(matches!(error, TrainError::Diverged { epoch: 1, .. }), "{error}");
    }

    #[test]
    fn the_rate_can_be_changed_and_the_model_looked_at_while_it_runs() {
        let recipe = Recipe::parse("r", &small(RECIPES[1].1)).unwrap();
        let split = Split::of_sample(&recipe.data);
        let options = Options { epochs: Some(3), seed: 1, threads: 1 };
        let mut seen: Vec<Vec<f32>> = Vec::new();
        let trained = train(&recipe, &split, options, &mut |event, live| {
            if let Event::Epoch(epoch) = event {
                seen.push(live.model.params.values().to_vec());
                live.settings.rate = if epoch.epoch == 1 { 0.0 } else { 1.0 };
            }
            ControlFlow::Continue(())
        })
        .unwrap();
        // A rate of nothing changes nothing: only the first and the third epoch learned.
        assert!(seen[0] == seen[1] && seen[1] != seen[2]);
        assert!(seen[2] == trained.model.params.values());
        assert!(trained.model.training.steered, "the recipe alone does not make it again");
    }

    #[test]
    fn training_goes_on_from_what_was_learned() {
        let recipe = Recipe::parse("r", &small(RECIPES[1].1)).unwrap();
        let split = Split::of_sample(&recipe.data);
        let options = Options { epochs: Some(1), seed: 1, threads: 1 };
        let go_on = &mut |_: Event, _: Live| ControlFlow::Continue(());
        let first = train(&recipe, &split, options, go_on).unwrap();
        let params = first.model.params.clone();
        let second = train_from(params, &recipe, &split, options, go_on).unwrap();
        let (first, second) = (first.epochs[0], second.epochs[0]);
        assert!(second.loss < 0.8 * first.loss, "{second:?} after {first:?}");
    }
}
