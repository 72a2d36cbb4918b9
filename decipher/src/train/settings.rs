//! What may be changed while a training runs.

use decipher_nn::Layer;
use serde::Serialize;

use crate::augment::Augment;
use crate::recipe::{Optimizer, Recipe, Training};

/// What may be changed while a training runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Settings {
    /// Multiplies the recipe's learning rate, 0 or more; 1 at the start.
    pub rate: f32,
    /// As [`Training::momentum`](crate::recipe::Training::momentum).
    pub momentum: f32,
    /// As [`Training::weight_decay`](crate::recipe::Training::weight_decay).
    pub weight_decay: f32,
    /// Share of the values that every dropout layer drops, in [0, 1); without it, as the layers say.
    pub dropout: Option<f32>,
    /// Digits per step, from 1 to as many as the recipe says.
    pub batch: usize,
    /// Distortions.
    pub augment: Option<Augment>,
}

impl Settings {
    /// What the recipe says.
    pub fn of(recipe: &Recipe) -> Self {
        let Training { momentum, weight_decay, batch, augment, .. } = recipe.training;
        Self { rate: 1.0, momentum, weight_decay, dropout: None, batch, augment }
    }

    /// Whether a training by `recipe` can go on like this.
    ///
    /// # Errors
    /// A sentence on what it cannot do.
    pub fn check(&self, recipe: &Recipe) -> Result<(), String> {
        let training = &recipe.training;
        if !(0.0..=100.0).contains(&self.rate) {
            return Err(format!("rate = {} is not in [0, 100]; 1 is the recipe's own", self.rate));
        }
        let has_dropout =
            recipe.network.layers().iter().any(|layer| matches!(layer, Layer::Dropout { .. }));
        if let Some(dropout) = self.dropout {
            if !has_dropout {
                return Err("dropout: the network has no dropout layer".into());
            }
            if !(0.0..1.0).contains(&dropout) {
                return Err(format!("dropout = {dropout} is not in [0, 1)"));
            }
        }
        if !(1..=training.batch).contains(&self.batch) {
            return Err(format!(
                "batch = {} is not in 1 to {}, the recipe's",
                self.batch, training.batch
            ));
        }
        let started = Self::of(recipe);
        let changed = self.momentum != started.momentum || self.augment != started.augment;
        if changed && training.is_online(&recipe.network) {
            return Err("momentum and distortions need batches; this training takes digits one \
                        by one"
                .into());
        }
        if self.momentum != started.momentum && training.optimizer == Optimizer::AdamW {
            return Err("momentum is of sgd; this training is by adamw".into());
        }
        let Self { momentum, weight_decay, batch, augment, .. } = *self;
        Training { momentum, weight_decay, batch, augment, ..training.clone() }.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(layers: &str, training: &str) -> Recipe {
        let text = format!(
            "description = \"a test\"\n[network]\npixels = \"grey\"\nlayers = [{layers}]\nloss = \"softmax_cross_entropy\"\ninit = \"he\"\n\
             [training]\nepochs = 1\nlearning_rate = 0.1\n{training}\n[data]\nvalidation = 10"
        );
        Recipe::parse("r", &text).unwrap()
    }

    #[test]
    fn a_run_goes_on_with_what_it_can_do() {
        let plain = "\"dense 20\", \"relu\", \"dense 10\"";
        let dropping = "\"dense 20\", \"relu\", \"dropout 0.5\", \"dense 10\"";
        let batches = recipe(plain, "batch = 20");
        let online = recipe(plain, "batch = 1");
        let adamw = recipe(plain, "batch = 20\noptimizer = \"adamw\"");
        let dropout = recipe(dropping, "batch = 20");
        type Change = fn(&mut Settings);
        let shift =
            |s: &mut Settings| s.augment = Some(Augment { shift: 1.0, ..Augment::default() });
        let cases: [(&str, &Recipe, Change, Option<&str>); 17] = [
            ("as it began", &batches, |_| (), None),
            ("rate", &online, |s| s.rate = 0.0, None),
            ("rate", &batches, |s| s.rate = 101.0, Some("rate = 101")),
            ("rate", &batches, |s| s.rate = f32::NAN, Some("rate = NaN")),
            ("momentum", &batches, |s| s.momentum = 0.9, None),
            ("momentum", &batches, |s| s.momentum = 1.0, Some("momentum")),
            ("momentum", &online, |s| s.momentum = 0.9, Some("one by one")),
            ("momentum", &adamw, |s| s.momentum = 0.9, Some("adamw")),
            ("weight decay", &adamw, |s| s.weight_decay = 0.1, None),
            ("weight decay", &online, |s| s.weight_decay = -0.1, Some("weight_decay")),
            ("batch", &batches, |s| s.batch = 7, None),
            ("batch", &batches, |s| s.batch = 21, Some("1 to 20")),
            ("batch", &batches, |s| s.batch = 0, Some("1 to 20")),
            ("dropout", &dropout, |s| s.dropout = Some(0.0), None),
            ("dropout", &dropout, |s| s.dropout = Some(1.0), Some("dropout = 1")),
            ("dropout", &batches, |s| s.dropout = Some(0.5), Some("no dropout layer")),
            ("distortions", &online, shift, Some("one by one")),
        ];
        for (what, recipe, change, refused) in cases {
            let mut settings = Settings::of(recipe);
            change(&mut settings);
            let checked = settings.check(recipe);
            match refused {
                None => assert_eq!(checked, Ok(()), "{what}"),
                Some(says) => assert!(
                    checked.as_ref().is_err_and(|e| e.contains(says)),
                    "{what}: {checked:?}"
                ),
            }
        }
    }
}
