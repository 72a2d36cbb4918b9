//! Mini-batch training: the one place with threads.
//!
//! A batch is cut into shards of a fixed size. Each shard's gradient is computed on its own, and
//! the gradients are added in the order of the shards, so the number of threads changes nothing.

use rayon::prelude::*;

use crate::loss::Loss;
use crate::network::{Network, Params, Transposed, Workspace};
use crate::optim::Sgd;
use crate::sparse::Inputs;

/// Samples a shard.
pub const SHARD: usize = 32;

/// Trains a network with mini-batches, on the threads of the rayon pool it is called in.
pub struct BatchTrainer {
    sgd: Sgd,
    loss: Loss,
    velocity: Option<Params>,
    transposed: Transposed,
    shards: Vec<Shard>,
}

struct Shard {
    workspace: Workspace,
    grads: Params,
    loss: f64,
}

impl BatchTrainer {
    /// Memory for batches of up to `batch` samples.
    pub fn new(net: &Network, loss: Loss, sgd: Sgd, batch: usize) -> Self {
        let shard =
            || Shard { workspace: net.workspace(SHARD.min(batch)), grads: net.zeros(), loss: 0.0 };
        Self {
            sgd,
            loss,
            velocity: (sgd.momentum != 0.0).then(|| net.zeros()),
            transposed: net.transposed(),
            shards: (0..batch.div_ceil(SHARD).max(1)).map(|_| shard()).collect(),
        }
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
        let count = rows.len().div_ceil(SHARD);
        assert!(count <= self.shards.len(), "a batch of {} is too large", rows.len());
        net.transpose(params, &mut self.transposed);
        let scale = 1.0 / rows.len() as f32;
        let (loss, transposed, weights) = (self.loss, &self.transposed, &*params);
        let work = |(shard, rows): (&mut Shard, &[u32])| {
            let Shard { workspace, grads, loss: sum } = shard;
            *sum = net.gradient(weights, transposed, examples, rows, loss, scale, workspace, grads);
        };
        if count == 1 || rayon::current_num_threads() == 1 {
            self.shards.iter_mut().zip(rows.chunks(SHARD)).for_each(work);
        } else {
            self.shards[..count].par_iter_mut().zip(rows.par_chunks(SHARD)).for_each(work);
        }
        let (first, others) = self.shards[..count].split_first_mut().expect("there is a shard");
        for shard in others {
            let sums = first.grads.values_mut().iter_mut();
            sums.zip(shard.grads.values_mut()).for_each(|(sum, g)| *sum += std::mem::take(g));
            first.loss += shard.loss;
        }
        self.sgd.step(net, params, &mut first.grads, self.velocity.as_mut(), learning_rate);
        first.loss
    }
}
