//! How the learning rate changes while training goes on.

/// A factor on the learning rate, as a function of the share of training that is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Schedule {
    /// Always 1.
    Constant,
    /// Multiplied by `factor` at each of `steps` evenly spaced times.
    Step {
        /// What each step multiplies by.
        factor: f32,
        /// How many steps there are; the training is cut into `steps + 1` equal parts.
        steps: u32,
    },
    /// From 1 in a straight line to 0.
    Linear,
    /// From 1 along half a cosine to 0 (Loshchilov and Hutter 2017, without restarts).
    Cosine,
    /// From 0 in a straight line to 1, then in another to 0 (Smith and Topin 2018).
    OneCycle {
        /// The share of training, in (0, 1), after which it is 1.
        warmup: f32,
    },
}

impl Schedule {
    /// The factor when the share `done`, in [0, 1], of all steps is behind.
    pub fn factor(self, done: f64) -> f32 {
        let done = done.clamp(0.0, 1.0);
        match self {
            Schedule::Constant => 1.0,
            Schedule::Step { factor, steps } => {
                let passed = (done * f64::from(steps + 1)).floor().min(steps.into());
                factor.powi(passed as i32)
            }
            Schedule::Linear => (1.0 - done) as f32,
            Schedule::OneCycle { warmup } => {
                let warmup = f64::from(warmup);
                (done / warmup).min((1.0 - done) / (1.0 - warmup)) as f32
            }
            Schedule::Cosine => (0.5 * (1.0 + (std::f64::consts::PI * done).cos())) as f32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors() {
        let at = |s: Schedule| [0.0, 0.25, 0.5, 1.0].map(|done| s.factor(done));
        assert_eq!(at(Schedule::Constant), [1.0; 4]);
        assert_eq!(at(Schedule::Linear), [1.0, 0.75, 0.5, 0.0]);
        assert_eq!(at(Schedule::Step { factor: 0.5, steps: 3 }), [1.0, 0.5, 0.25, 0.125]);
        assert_eq!(at(Schedule::OneCycle { warmup: 0.25 }), [0.0, 1.0, 2.0 / 3.0, 0.0]);
        let cosine = at(Schedule::Cosine);
        assert_eq!((cosine[0], cosine[2], cosine[3]), (1.0, 0.5, 0.0));
        assert!((cosine[1] - 0.853_553_4).abs() < 1e-6);
    }
}
