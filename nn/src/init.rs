//! First weights. Biases start at 0 unless the initialiser says otherwise.

use crate::rng::Rng;

/// How the weights of a dense layer with `n` inputs and `m` outputs are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Init {
    /// Normal, standard deviation 0.1 (the tutorial).
    Normal01,
    /// Normal, standard deviation 1, biases too (Nielsen, chapter 1).
    Normal1,
    /// Normal, standard deviation 1 / sqrt(n), biases with 1 (Nielsen, chapter 3).
    InverseSqrt,
    /// Normal, standard deviation sqrt(2 / n) (He et al. 2015).
    He,
    /// Uniform in +-sqrt(6 / (n + m)) (Glorot and Bengio 2010).
    Glorot,
}

impl Init {
    /// All initialisers.
    pub const ALL: [Init; 5] =
        [Init::Normal01, Init::Normal1, Init::InverseSqrt, Init::He, Init::Glorot];

    /// The name used in recipes.
    pub fn name(self) -> &'static str {
        match self {
            Init::Normal01 => "normal_0.1",
            Init::Normal1 => "normal_1",
            Init::InverseSqrt => "inverse_sqrt",
            Init::He => "he",
            Init::Glorot => "glorot",
        }
    }

    /// The initialiser called `name`.
    pub fn named(name: &str) -> Option<Init> {
        Init::ALL.into_iter().find(|init| init.name() == name)
    }

    /// One weight of a layer with `inputs` and `outputs`.
    pub(crate) fn weight(self, rng: &mut Rng, inputs: usize, outputs: usize) -> f32 {
        let (n, m) = (inputs as f32, outputs as f32);
        match self {
            Init::Normal01 => 0.1 * rng.normal(),
            Init::Normal1 => rng.normal(),
            Init::InverseSqrt => rng.normal() / n.sqrt(),
            Init::He => rng.normal() * (2.0 / n).sqrt(),
            Init::Glorot => (2.0 * rng.uniform() - 1.0) * (6.0 / (n + m)).sqrt(),
        }
    }

    /// One bias.
    pub(crate) fn bias(self, rng: &mut Rng) -> f32 {
        match self {
            Init::Normal1 | Init::InverseSqrt => rng.normal(),
            Init::Normal01 | Init::He | Init::Glorot => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_are_as_published() {
        let (inputs, outputs) = (400, 50);
        let published = [0.1, 1.0, 0.05, (2.0f32 / 400.0).sqrt(), (2.0f32 / 450.0).sqrt()];
        for (init, want) in Init::ALL.into_iter().zip(published) {
            let mut rng = Rng::new(1, &[]);
            let n = 20_000;
            let sum: f32 = (0..n).map(|_| init.weight(&mut rng, inputs, outputs).powi(2)).sum();
            let got = (sum / n as f32).sqrt();
            assert!((got / want - 1.0).abs() < 0.03, "{}: {got} for {want}", init.name());
            assert_eq!(Init::named(init.name()), Some(init));
        }
    }
}
