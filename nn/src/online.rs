//! Per-sample SGD, the textbook's way: each sample changes the weights before the next is seen.
//!
//! No gradient is ever stored. The step is added straight to the rows of the weights that the
//! sample used, and weight decay, which would touch every weight each time, is kept as one common
//! factor `scale`: the weights are `scale * stored` until the factor is folded in (Bottou 2012,
//! "Stochastic gradient descent tricks", 5.1).

use crate::kernel::{Kernel, Simd, Task};
use crate::layer::Layer;
use crate::loss::{Loss, Objective};
use crate::math::flush;
use crate::network::Network;
use crate::params::Params;
use crate::sparse::{SparseMatrix, SparseRow};
use crate::workspace::Workspace;

/// Below this the common factor is folded into the weights.
const SMALLEST_SCALE: f32 = 0.25;

/// What per-sample SGD needs besides the parameters.
pub struct Online {
    workspace: Workspace,
    /// 0, 1, 2, ...: a dense vector as a sparse row.
    every: Vec<u16>,
}

impl Online {
    /// Memory for training `net` one sample at a time.
    ///
    /// # Panics
    /// If the network has layers other than dense ones and activations.
    pub fn new(net: &Network) -> Self {
        assert!(net.is_dense(), "per-sample training is for dense layers and activations");
        let widest = net.placed.iter().map(|p| p.input.shape.values()).max().unwrap_or(0);
        let mut workspace = net.pass_workspace(1);
        workspace.make_room_for_derivatives(net);
        Self { workspace, every: (0..widest).map(|i| i as u16).collect() }
    }

    /// One step of SGD for each of the samples `rows`, in this order; the learning rate of step
    /// `i` is `learning_rate(i)`. Returns the sum of the losses, each taken before its step.
    ///
    /// # Panics
    /// If `params` are not `net`'s, `inputs` has other columns than the network, `rows` names a
    /// sample that is not there, or a label is not below the number of outputs.
    #[allow(clippy::too_many_arguments)]
    pub fn train(
        &mut self,
        net: &Network,
        params: &mut Params,
        (inputs, labels): (&SparseMatrix, &[u8]),
        rows: &[u32],
        loss: Loss,
        weight_decay: f32,
        learning_rate: &dyn Fn(usize) -> f32,
    ) -> f64 {
        assert!(params.values().len() == net.params_len, "parameters of another network");
        assert!(
            inputs.columns() == net.inputs(),
            "input has {} columns, the network takes {}",
            inputs.columns(),
            net.inputs()
        );
        let (every, workspace) = (&self.every[..], &mut self.workspace);
        Kernel::chosen().run(Train {
            net,
            params,
            inputs,
            labels,
            rows,
            loss,
            weight_decay,
            learning_rate,
            every,
            workspace,
        })
    }
}

struct Train<'a> {
    net: &'a Network,
    params: &'a mut Params,
    inputs: &'a SparseMatrix,
    labels: &'a [u8],
    rows: &'a [u32],
    loss: Loss,
    weight_decay: f32,
    learning_rate: &'a dyn Fn(usize) -> f32,
    every: &'a [u16],
    workspace: &'a mut Workspace,
}

/// Steps between two looks at the learning rate: a call a step would cost as much as the step.
const RATE_STEPS: usize = 64;

/// Steps that a sample is fetched ahead: in random order it comes from main memory, which takes
/// as long as half a step.
const AHEAD: usize = 4;

impl Task for Train<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f64 {
        let Self { net, params, every, workspace, .. } = self;
        let Workspace { values, d_values, .. } = workspace;
        let (weights, biases) = params.values_mut().split_at_mut(net.weights_len);
        let last = net.buffers.len() - 1;
        let objective = Objective { loss: self.loss, label_smoothing: 0.0 };
        let classes = net.outputs();
        let (mut total, mut scale, mut rate) = (0.0, 1.0f32, 0.0);
        for (step, &row) in self.rows.iter().enumerate() {
            if step % RATE_STEPS == 0 {
                rate = (self.learning_rate)(step);
            }
            if let Some(&ahead) = self.rows.get(step + 2 * AHEAD) {
                self.inputs.prefetch_start(s, ahead as usize);
            }
            if let Some(&ahead) = self.rows.get(step + AHEAD) {
                self.inputs.prefetch(s, ahead as usize);
            }
            let sample = self.inputs.row(row as usize);
            for p in &net.placed {
                let (before, rest) = values.split_at_mut(p.buffer);
                match p.layer {
                    Layer::Activation(f) => {
                        if p.source != Some(p.buffer) {
                            rest[0].copy_from_slice(&before[p.buffer - 1]);
                        }
                        f.forward(s, &mut rest[0]);
                    }
                    _ => {
                        let dense = p.dense().expect("the network is dense");
                        let input = input_row(sample, before, dense.inputs, every);
                        let bias = &biases[p.bias.start - net.weights_len..];
                        let weight = &weights[p.weight.clone()];
                        dense.forward_row(s, weight, bias, scale, input, &mut rest[0]);
                    }
                }
            }
            let label = self.labels[row as usize];
            assert!(usize::from(label) < classes, "label {label} with {classes} outputs");
            let d = &mut d_values[last];
            total += f64::from(objective.gradient(s, &values[last], classes, label, 1.0, d));
            let decayed = scale * (1.0 - rate * self.weight_decay);
            for p in net.placed.iter().rev() {
                let (d_before, d_rest) = d_values.split_at_mut(p.buffer);
                let d_output = &mut d_rest[0][..];
                let d_input = d_before.last_mut().map(|d| &mut d[..]);
                match p.layer {
                    Layer::Activation(f) => {
                        f.backward(s, &values[p.buffer], d_output);
                        if let Some(d_input) = d_input.filter(|_| p.source != Some(p.buffer)) {
                            d_input.copy_from_slice(d_output);
                        }
                    }
                    _ => {
                        let dense = p.dense().expect("the network is dense");
                        let input = input_row(sample, &values[..p.buffer], dense.inputs, every);
                        let range = p.bias.start - net.weights_len..p.bias.end - net.weights_len;
                        let params = (&mut weights[p.weight.clone()], &mut biases[range]);
                        let scales = (scale, decayed, rate);
                        dense.backward_row(s, params, scales, input, d_output, d_input);
                    }
                }
            }
            scale = decayed;
            if scale < SMALLEST_SCALE {
                weights.iter_mut().for_each(|w| *w = flush(*w * scale));
                scale = 1.0;
            }
        }
        if scale != 1.0 {
            weights.iter_mut().for_each(|w| *w = flush(*w * scale));
        }
        total
    }
}

/// What layer `before.len()` reads: the sample, or all values of the layer before it.
#[inline(always)]
fn input_row<'a>(
    sample: SparseRow<'a>,
    before: &'a [crate::aligned::Aligned],
    inputs: usize,
    every: &'a [u16],
) -> SparseRow<'a> {
    match before.last() {
        None => sample,
        Some(values) => SparseRow { indices: &every[..inputs], values: &values[..inputs] },
    }
}
