//! Mini-batch training, on threads: they share a batch's shards, a step's parameters, and the transposing of
//! many weights.
//!
//! A batch is cut into at most [`SHARDS`] shards, whatever the number of threads. Each shard's
//! gradient is computed on its own, pass by pass, and the gradients are added in the order of the
//! shards, so the number of threads changes nothing.

use rayon::prelude::*;

use crate::layer::Layer;
use crate::loss::Objective;
use crate::network::{Network, Transposed};
use crate::optim::{Descent, Optimizer};
use crate::params::Params;
use crate::rng::hash;
use crate::sparse::Inputs;
use crate::workspace::{PASS, Workspace, Workspaces};

/// Most shards of a batch.
const SHARDS: usize = 8;

/// How a network is trained with mini-batches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchTraining {
    /// What is made small.
    pub objective: Objective,
    /// How.
    pub optimizer: Optimizer,
    /// With a decay in (0, 1), a moving average of the parameters is kept beside them (Polyak and
    /// Juditsky 1992); it begins as a plain mean. 0: none.
    pub average: f32,
    /// Of dropout.
    pub seed: u64,
    /// Layers from the first on that stay as they are, fewer than the network has. They drop
    /// nothing and normalise by their running statistics.
    pub frozen: usize,
}

/// Trains a network with mini-batches, on the threads of the rayon pool it is called in.
pub struct BatchTrainer {
    training: BatchTraining,
    descent: Descent,
    average: Option<Params>,
    transposed: Transposed,
    workspaces: Workspaces,
    grads: Vec<Params>,
    /// Samples of a shard, and of a pass.
    shard: usize,
    pass: usize,
    steps: u64,
}

impl BatchTrainer {
    /// Memory for batches of up to `batch` samples.
    ///
    /// # Panics
    /// If the first layer that is not frozen has no weights.
    pub fn new(net: &Network, training: BatchTraining, batch: usize) -> Self {
        // Whole passes, however many samples each has; the last of a batch may be smaller.
        let shard = batch.div_ceil(SHARDS).next_multiple_of(PASS);
        let shards = batch.div_ceil(shard).max(1);
        let first = net.layers().get(training.frozen);
        assert!(
            matches!(first, Some(Layer::Dense { .. } | Layer::Conv2d { .. })),
            "training begins with {first:?}, which has no weights"
        );
        Self {
            training,
            descent: Descent::new(net, training.optimizer, training.frozen),
            average: (training.average > 0.0).then(|| net.zeros()),
            transposed: net.transposed(training.frozen),
            workspaces: Workspaces::default(),
            grads: (0..shards).map(|_| net.zeros()).collect(),
            shard,
            pass: net.pass().min(batch).max(1),
            steps: 0,
        }
    }

    /// Takes the next steps with another optimiser. It is to be of the same method; its momentum may
    /// differ.
    pub fn go_on_with(&mut self, net: &Network, optimizer: Optimizer) {
        self.descent.go_on_with(net, optimizer);
    }

    /// The moving average of the parameters, if it is kept and there was a step.
    pub fn average(&self) -> Option<&Params> {
        self.average.as_ref().filter(|_| self.steps > 0)
    }

    /// One step on the samples `rows`, with the mean of their gradients. Returns the sum of their
    /// losses before the step.
    ///
    /// # Panics
    /// If there are more `rows` than the batch this was made for, or as [`Network::gradient`].
    pub fn step(
        &mut self,
        net: &Network,
        params: &mut Params,
        examples: (Inputs, &[u8]),
        rows: &[u32],
        learning_rate: f32,
    ) -> f64 {
        if rows.is_empty() {
            return 0.0;
        }
        let count = rows.len().div_ceil(self.shard);
        assert!(count <= self.grads.len(), "a batch of {} is too large", rows.len());
        net.transpose(params, &mut self.transposed);
        let (scale, objective) = (1.0 / rows.len() as f32, self.training.objective);
        let key = hash(self.training.seed, self.steps);
        let (transposed, weights) = (&self.transposed, &*params);
        let (shard_len, pass_len, workspaces) = (self.shard, self.pass, &self.workspaces);
        let work = |(shard, (grads, rows)): (usize, (&mut Params, &[u32]))| {
            let new = || net.pass_workspace(pass_len);
            let gradient = |workspace: &mut Workspace| {
                let pass = |(pass, rows): (usize, &[u32])| {
                    let key = hash(key, (shard * shard_len + pass) as u64);
                    let scale_and_key = (scale, key);
                    net.gradient(
                        weights,
                        transposed,
                        examples,
                        rows,
                        objective,
                        scale_and_key,
                        workspace,
                        grads,
                    )
                };
                rows.chunks(pass_len).enumerate().map(pass).sum::<f64>()
            };
            workspaces.with_such(|_| true, new, gradient)
        };
        let grads = &mut self.grads[..count];
        let mut losses = [0.0; SHARDS];
        if count == 1 || rayon::current_num_threads() == 1 {
            let shards = grads.iter_mut().zip(rows.chunks(shard_len));
            losses.iter_mut().zip(shards.enumerate()).for_each(|(loss, shard)| *loss = work(shard));
        } else {
            let shards = grads.par_iter_mut().zip(rows.par_chunks(shard_len));
            let losses = losses.par_iter_mut().zip(shards.enumerate());
            losses.for_each(|(loss, shard)| *loss = work(shard));
        }
        self.steps += 1;
        // At first the mean of all steps so far, then the last ones count more.
        let decay = self.training.average.min(1.0 - 1.0 / self.steps as f32);
        let average = self.average.as_mut().map(|average| (average, decay));
        self.descent.step(net, params, &mut self.grads[..count], average, learning_rate);
        losses.iter().sum()
    }
}
