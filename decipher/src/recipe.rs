//! Recipes: a network, how it is trained and on what, as a TOML file.

use std::path::{Path, PathBuf};

use decipher_nn::{Init, Layer, Loss, Network, Schedule, Shape};
use serde::Deserialize;

use crate::augment::Augment;
use crate::data::Dataset;
use crate::model::Pixels;
use crate::scene::{NONE, SceneMix};

/// The recipes that come with Decipher, by name.
pub const RECIPES: &[(&str, &str)] = &[
    ("tutorial", include_str!("../../recipes/tutorial.toml")),
    ("tutorial-97", include_str!("../../recipes/tutorial-97.toml")),
    ("book-1", include_str!("../../recipes/book-1.toml")),
    ("book-1-wide", include_str!("../../recipes/book-1-wide.toml")),
    ("book-2", include_str!("../../recipes/book-2.toml")),
    ("book-3", include_str!("../../recipes/book-3.toml")),
    ("dense", include_str!("../../recipes/dense.toml")),
    ("lenet-5", include_str!("../../recipes/lenet-5.toml")),
    ("fast-98", include_str!("../../recipes/fast-98.toml")),
    ("fast-99", include_str!("../../recipes/fast-99.toml")),
    ("fast-99.5", include_str!("../../recipes/fast-99.5.toml")),
    ("fast-99.7", include_str!("../../recipes/fast-99.7.toml")),
    ("best", include_str!("../../recipes/best.toml")),
    ("tiny", include_str!("../../recipes/tiny.toml")),
    ("mlp-elastic", include_str!("../../recipes/mlp-elastic.toml")),
    ("pytorch-example", include_str!("../../recipes/pytorch-example.toml")),
    ("reader", include_str!("../../recipes/reader.toml")),
];

/// How a network is made. Checked: a recipe that could be read can be trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// What the file is called, without `.toml`.
    pub name: String,
    /// One line for people.
    pub description: String,
    /// How pixels become numbers.
    pub pixels: Pixels,
    /// The layers; 784 values go in and 10 come out, or 11 if the last says "this is no digit".
    pub network: Network,
    /// What is made small.
    pub loss: Loss,
    /// Where the weights start.
    pub init: Init,
    /// How they are changed.
    pub training: Training,
    /// Which digits are for what.
    pub data: DataPlan,
}

/// The `[training]` part of a recipe.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Times that every digit is seen, 1 to 10,000.
    pub epochs: u32,
    /// Digits per step, 1 to 4,096.
    pub batch: usize,
    /// Size of a step at the beginning, above 0.
    pub learning_rate: f32,
    /// How the learning rate changes.
    #[serde(default = "constant", deserialize_with = "schedule")]
    pub schedule: Schedule,
    /// How gradients become steps.
    #[serde(default)]
    pub optimizer: Optimizer,
    /// Share of the last step that is taken again, in [0, 1); of SGD.
    #[serde(default)]
    pub momentum: f32,
    /// Share of the target that is spread over all classes, in [0, 1).
    #[serde(default)]
    pub label_smoothing: f32,
    /// Decay of a moving average of the weights, in [0, 1), which is then the result; 0: none.
    #[serde(default)]
    pub average: f32,
    /// Each step takes `learning_rate * weight_decay` of every weight away.
    #[serde(default)]
    pub weight_decay: f32,
    /// Whether each epoch has an order of its own.
    #[serde(default = "yes")]
    pub shuffle: bool,
    /// Distortions, drawn anew for every digit and epoch.
    #[serde(default)]
    pub augment: Option<Augment>,
    /// Share of the training, at its end, that shows the digits without distortions, in [0, 1), if
    /// there are any: what is to be read is not distorted either (as Ge et al. 2021, "YOLOX", end).
    /// It begins at an epoch's start or about every 6,000 digits.
    #[serde(default)]
    pub plain: f32,
    /// Digits, and what is none, photographed: for a network that is to read pictures.
    #[serde(default)]
    pub scenes: Option<SceneMix>,
    /// The first layers, which stay as they are; only lessons know some worth keeping.
    #[serde(skip)]
    pub frozen: usize,
}

/// The `[data]` part of a recipe: how many digits are for what.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataPlan {
    /// Training digits; without it, all that are left.
    pub train: Option<usize>,
    /// Digits held back from the training set, to look at between epochs.
    pub validation: usize,
    /// Test digits taken from the training set; without it, MNIST's own test set.
    pub test: Option<usize>,
    /// Whether the test set is read after every epoch, only to be reported.
    #[serde(default)]
    pub test_every_epoch: bool,
}

/// The `optimizer` of a recipe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimizer {
    /// Stochastic gradient descent, with `momentum` if it is above 0.
    #[default]
    Sgd,
    /// Adam with decoupled weight decay.
    AdamW,
}

fn constant() -> Schedule {
    Schedule::Constant
}

fn yes() -> bool {
    true
}

fn schedule<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Schedule, D::Error> {
    #[derive(Deserialize)]
    #[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
    enum Named {
        Constant,
        Step { factor: f32, steps: u32 },
        Linear,
        Cosine,
        OneCycle { warmup: f32 },
    }
    Ok(match Named::deserialize(from)? {
        Named::Constant => Schedule::Constant,
        Named::Step { factor, steps } => Schedule::Step { factor, steps },
        Named::Linear => Schedule::Linear,
        Named::Cosine => Schedule::Cosine,
        Named::OneCycle { warmup } => Schedule::OneCycle { warmup },
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    description: String,
    network: NetworkPart,
    training: Training,
    data: DataPlan,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NetworkPart {
    pixels: Pixels,
    layers: Vec<String>,
    loss: String,
    init: String,
}

/// Why there is no recipe.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// Neither a known name nor a file.
    #[error("no recipe '{name}'; there are {known}, or give a .toml file")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// The file could not be read.
    #[error("recipe {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The text says something that cannot be done.
    #[error("recipe '{name}': {reason}")]
    Invalid {
        /// The recipe.
        name: String,
        /// What is wrong, and where.
        reason: String,
    },
}

impl Recipe {
    /// The recipe of that name, or in the `.toml` file at that path.
    ///
    /// # Errors
    /// If there is none, or its text is wrong.
    pub fn find(name: &str) -> Result<Self, RecipeError> {
        if let Some((name, text)) = RECIPES.iter().find(|(known, _)| *known == name) {
            return Self::parse(name, text);
        }
        let path = Path::new(name);
        if path.extension().is_none_or(|e| e != "toml") {
            let known: Vec<_> = RECIPES.iter().map(|(name, _)| *name).collect();
            return Err(RecipeError::Unknown { name: name.into(), known: known.join(", ") });
        }
        let text = std::fs::read_to_string(path)
            .map_err(|source| RecipeError::Io { path: path.into(), source })?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        Self::parse(&stem, &text)
    }

    /// Reads a recipe's text.
    ///
    /// # Errors
    /// If a field is missing, unknown or out of range, or the layers do not make a network.
    pub fn parse(name: &str, text: &str) -> Result<Self, RecipeError> {
        let invalid = |reason| RecipeError::Invalid { name: name.into(), reason };
        let file: File = toml::from_str(text).map_err(|e| invalid(e.to_string()))?;
        let NetworkPart { pixels, layers, loss, init } = file.network;
        let network = network(&layers).map_err(invalid)?;
        let loss = Loss::named(&loss)
            .ok_or_else(|| invalid(unknown("loss", &loss, Loss::ALL.map(Loss::name))))?;
        let init = Init::named(&init)
            .ok_or_else(|| invalid(unknown("init", &init, Init::ALL.map(Init::name))))?;
        file.training.check().map_err(|reason| invalid(format!("[training] {reason}")))?;
        let none = file.training.scenes.is_some_and(|scenes| scenes.none > 0.0);
        if none && network.outputs() <= usize::from(NONE) {
            return Err(invalid("scenes without digits need an 11th output".into()));
        }
        file.data.check().map_err(|reason| invalid(format!("[data] {reason}")))?;
        Ok(Self {
            name: name.into(),
            description: file.description,
            pixels,
            network,
            loss,
            init,
            training: file.training,
            data: file.data,
        })
    }
}

/// The shape of a network's input.
const DIGIT: Shape = Shape { height: Dataset::SIDE, width: Dataset::SIDE, channels: 1 };

/// The network of these layers, from 784 pixels to 10 digits, or to these and "no digit".
pub(crate) fn network(layers: &[String]) -> Result<Network, String> {
    let layers = layers.iter().map(|l| l.parse()).collect::<Result<Vec<Layer>, _>>()?;
    let network = Network::new(DIGIT, &layers)?;
    match network.outputs() {
        10 | 11 => Ok(network),
        n => Err(format!(
            "a network of digits has 10 outputs, or 11 with \"no digit\"; this one has {n}"
        )),
    }
}

fn unknown<const N: usize>(what: &str, name: &str, known: [&str; N]) -> String {
    format!("no {what} '{name}'; there are {}", known.join(", "))
}

impl Training {
    /// Whether digits are learned from one by one, which only plain SGD on dense layers can do.
    pub(crate) fn is_online(&self, network: &Network) -> bool {
        let plain = self.optimizer == Optimizer::Sgd
            && [self.momentum, self.label_smoothing, self.average] == [0.0; 3];
        self.batch == 1 && plain && network.is_dense()
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        let within = |name: &str, value: f32, range: std::ops::Range<f32>| {
            if range.contains(&value) {
                return Ok(());
            }
            Err(format!("{name} = {value} is not in [{}, {})", range.start, range.end))
        };
        if !(1..=10_000).contains(&self.epochs) {
            return Err(format!("epochs = {} is not in 1 to 10,000", self.epochs));
        }
        if !(1..=4096).contains(&self.batch) {
            return Err(format!("batch = {} is not in 1 to 4,096", self.batch));
        }
        within("learning_rate", self.learning_rate, f32::MIN_POSITIVE..1000.0)?;
        within("momentum", self.momentum, 0.0..1.0)?;
        within("label_smoothing", self.label_smoothing, 0.0..1.0)?;
        within("average", self.average, 0.0..1.0)?;
        within("plain", self.plain, 0.0..1.0)?;
        within("weight_decay", self.weight_decay, 0.0..1.0 / self.learning_rate)?;
        match self.schedule {
            Schedule::Step { factor, .. } => within("schedule.factor", factor, 0.0..1.0)?,
            Schedule::OneCycle { warmup } => {
                within("schedule.warmup", warmup, f32::MIN_POSITIVE..1.0)?;
            }
            _ => {}
        }
        self.scenes.as_ref().map_or(Ok(()), SceneMix::check)?;
        self.augment.as_ref().map_or(Ok(()), Augment::check)
    }
}

impl DataPlan {
    fn check(&self) -> Result<(), String> {
        let counts = [self.train.unwrap_or(1), self.validation, self.test.unwrap_or(1)];
        if counts.contains(&0) {
            return Err("train, validation and test need at least one digit each".into());
        }
        if counts.iter().any(|&n| n > 60_000) {
            return Err("there are only 60,000 training digits".into());
        }
        if self.test.is_some() && self.train.is_none() {
            return Err("where test digits are taken from the training set, give train too".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recipe_that_comes_along_is_valid() {
        for &(name, _) in RECIPES {
            let recipe = Recipe::find(name).unwrap();
            assert_eq!(recipe.name, name);
            assert!(!recipe.description.is_empty());
        }
    }

    #[test]
    fn mistakes_are_named() {
        let good = RECIPES[0].1;
        for (from, to, sentence) in [
            ("\"binary\"", "\"pink\"", "pink"),
            ("dense 32", "dense 0", "'dense 0'"),
            ("dense 32", "conv 3", "no layer 'conv 3'"),
            ("\"dense 10\"", "\"dense 9\"", "11 with \"no digit\"; this one has 9"),
            ("softmax_cross_entropy", "hinge", "no loss 'hinge'"),
            ("normal_0.1", "zeros", "no init 'zeros'"),
            ("epochs = 5", "epochs = 0", "epochs = 0"),
            ("epochs = 5", "epochs = 5\nepoch = 6", "epoch"),
            ("batch = 1", "batch = 0", "batch = 0"),
            ("= 0.05", "= nan", "learning_rate"),
            ("= 0.05", "= 0.05\nmomentum = 1.0", "momentum"),
            ("= 0.05", "= 0.05\nweight_decay = 100.0", "weight_decay"),
            ("= 0.05", "= 0.05\nschedule = { kind = \"sine\" }", "sine"),
            ("= 0.05", "= 0.05\nplain = 1.0", "plain"),
            ("= 0.05", "= 0.05\naugment = { rotate = 1e9 }", "rotate"),
            ("train = 3500\n", "", "give train too"),
            ("validation = 750", "validation = 0", "at least one"),
            ("train = 3500", "train = 70000", "60,000"),
        ] {
            assert!(good.contains(from), "{from}");
            let error = Recipe::parse("r", &good.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(sentence) && error.contains("'r'"), "{from} -> {to}: {error}");
        }
        let error = Recipe::find("tutorial-98").unwrap_err().to_string();
        assert!(error.contains("tutorial-97"), "{error}");
        assert!(Recipe::find("none/of/these.toml").unwrap_err().to_string().contains("none/of"));
    }
}
