//! A network: an immutable description, its parameters, and the memory one pass needs.

use std::ops::Range;

use crate::aligned::{Aligned, padded};
use crate::init::Init;
use crate::kernel::{Kernel, Simd, Task};
use crate::layer::{Layer, MAX_WIDTH};
use crate::layers::dense::{Dense, Source};
use crate::loss::Loss;
use crate::rng::Rng;
use crate::sparse::Inputs;

/// Most parameters (padding included) that a network may have: 1 GiB of floats.
const MAX_PARAMS: usize = 1 << 28;

/// A chain of layers. It holds no numbers; those are [`Params`].
#[derive(Clone, Debug)]
pub struct Network {
    inputs: usize,
    layers: Vec<Layer>,
    pub(crate) placed: Vec<Placed>,
    /// Weights of all layers come first, then all biases.
    pub(crate) weights_len: usize,
    pub(crate) params_len: usize,
}

/// A layer with its shape and the place of its parameters among all.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub layer: Layer,
    pub inputs: usize,
    pub outputs: usize,
    pub weight: Range<usize>,
    pub bias: Range<usize>,
}

impl Placed {
    pub fn dense(&self) -> Option<Dense> {
        match self.layer {
            Layer::Dense { outputs } => Some(Dense { inputs: self.inputs, outputs }),
            Layer::Activation(_) => None,
        }
    }
}

impl PartialEq for Network {
    fn eq(&self, other: &Self) -> bool {
        self.inputs == other.inputs && self.layers == other.layers
    }
}

impl Network {
    /// A network for `inputs` values (1 to 65,536) a sample.
    ///
    /// # Errors
    /// A sentence, where `layers` is empty, does not begin with a dense layer, or needs more
    /// than 2^28 parameters.
    pub fn new(inputs: usize, layers: &[Layer]) -> Result<Self, String> {
        if !(1..=MAX_WIDTH).contains(&inputs) {
            return Err(format!("a network has 1 to {MAX_WIDTH} inputs, not {inputs}"));
        }
        if !matches!(layers.first(), Some(Layer::Dense { .. })) {
            return Err("a network begins with a dense layer".into());
        }
        let (mut width, mut weights) = (inputs, 0usize);
        let mut placed: Vec<Placed> = Vec::new();
        for &layer in layers {
            let outputs = layer.outputs(width);
            if !(1..=MAX_WIDTH).contains(&outputs) {
                return Err(format!("{layer}: a layer has 1 to {MAX_WIDTH} outputs"));
            }
            let size =
                if matches!(layer, Layer::Dense { .. }) { width * padded(outputs) } else { 0 };
            if weights + size > MAX_PARAMS {
                return Err(format!("{layer}: the network has more than {MAX_PARAMS} parameters"));
            }
            placed.push(Placed {
                layer,
                inputs: width,
                outputs,
                weight: weights..weights + size,
                bias: 0..0,
            });
            weights += size;
            width = outputs;
        }
        let mut params_len = weights;
        for p in placed.iter_mut().filter(|p| p.dense().is_some()) {
            p.bias = params_len..params_len + padded(p.outputs);
            params_len = p.bias.end;
        }
        Ok(Self { inputs, layers: layers.to_vec(), placed, weights_len: weights, params_len })
    }

    /// Values a sample.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Values that come out for a sample.
    pub fn outputs(&self) -> usize {
        self.placed.last().expect("there is a layer").outputs
    }

    /// Number of values that layer `layer` makes of a sample.
    ///
    /// # Panics
    /// If there is no such layer.
    pub fn width(&self, layer: usize) -> usize {
        self.placed[layer].outputs
    }

    /// The layers, first to last.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Number of weights and biases.
    pub fn parameter_count(&self) -> usize {
        self.placed.iter().filter_map(Placed::dense).map(|d| (d.inputs + 1) * d.outputs).sum()
    }

    /// Fresh parameters, drawn from `seed`.
    pub fn init(&self, init: Init, seed: u64) -> Params {
        let mut params = Params { values: Aligned::zeros(self.params_len) };
        for (l, p) in self.placed.iter().enumerate() {
            let Some(dense) = p.dense() else { continue };
            let mut rng = Rng::new(seed, &[0, l as u64]);
            for row in params.values[p.weight.clone()].chunks_exact_mut(dense.stride()) {
                for w in &mut row[..dense.outputs] {
                    *w = init.weight(&mut rng, dense.inputs, dense.outputs);
                }
            }
            for b in &mut params.values[p.bias.clone()][..dense.outputs] {
                *b = init.bias(&mut rng);
            }
        }
        params
    }

    /// Memory for passes over up to `samples` samples at a time.
    pub fn workspace(&self, samples: usize) -> Workspace {
        let per_layer =
            || self.placed.iter().map(|p| Aligned::zeros(samples * padded(p.outputs))).collect();
        Workspace { samples, input: Aligned::zeros(0), values: per_layer(), d_values: per_layer() }
    }

    /// The outputs for the samples `rows` of `inputs`, a row of [`padded`]`(outputs)` values each,
    /// of which the first `outputs` count. What they mean depends on the loss.
    ///
    /// # Panics
    /// If `inputs` has other columns than the network, or `rows` is longer than the workspace was
    /// made for or names a sample that is not there.
    pub fn forward<'w>(
        &self,
        params: &Params,
        inputs: Inputs,
        rows: &[u32],
        workspace: &'w mut Workspace,
    ) -> &'w [f32] {
        workspace.gather(self, inputs, rows);
        Kernel::chosen().run(Forward { net: self, params, inputs, rows, workspace });
        let width = padded(self.outputs());
        &workspace.values.last().expect("there is a layer")[..rows.len() * width]
    }

    /// The probability in [0, 1] of each class, a row of [`padded`]`(outputs)` values per sample,
    /// of which the first `outputs` count.
    ///
    /// # Panics
    /// As [`Network::forward`].
    pub fn probabilities<'w>(
        &self,
        params: &Params,
        loss: Loss,
        inputs: Inputs,
        rows: &[u32],
        workspace: &'w mut Workspace,
    ) -> &'w [f32] {
        struct Probabilities<'a>(&'a mut [f32], Loss, usize);
        impl Task for Probabilities<'_> {
            type Output = ();
            #[inline(always)]
            fn run<S: Simd>(self, s: S) {
                for row in self.0.chunks_exact_mut(padded(self.2)) {
                    self.1.probabilities(s, row, self.2);
                }
            }
        }
        self.forward(params, inputs, rows, workspace);
        let classes = self.outputs();
        let out = &mut workspace.values.last_mut().expect("there is a layer")
            [..rows.len() * padded(classes)];
        Kernel::chosen().run(Probabilities(out, loss, classes));
        out
    }

    /// Adds up the loss of the samples `rows` and the gradient of `scale` times that loss.
    /// `transposed` is what [`Network::transpose`] made of `params`.
    ///
    /// # Panics
    /// As [`Network::forward`], or where a label is not below the number of outputs.
    #[allow(clippy::too_many_arguments)]
    pub fn gradient(
        &self,
        params: &Params,
        transposed: &Transposed,
        (inputs, labels): (Inputs, &[u8]),
        rows: &[u32],
        loss: Loss,
        scale: f32,
        workspace: &mut Workspace,
        grads: &mut Params,
    ) -> f64 {
        workspace.gather(self, inputs, rows);
        let forward = Forward { net: self, params, inputs, rows, workspace };
        Kernel::chosen().run(Gradient { forward, transposed, labels, loss, scale, grads })
    }

    /// Brings `transposed` up to date with `params`.
    pub fn transpose(&self, params: &Params, transposed: &mut Transposed) {
        for (p, t) in self.placed.iter().zip(&mut transposed.0).skip(1) {
            if let Some(dense) = p.dense() {
                if t.is_empty() {
                    *t = Aligned::zeros(dense.outputs * padded(dense.inputs));
                }
                dense.transpose(&params.values[p.weight.clone()], t);
            }
        }
    }

    /// Room for the transposed weights.
    pub fn transposed(&self) -> Transposed {
        Transposed(vec![Aligned::zeros(0); self.placed.len()])
    }

    /// Zeros in the shape of the parameters: gradients, momentum.
    pub fn zeros(&self) -> Params {
        Params { values: Aligned::zeros(self.params_len) }
    }
}

/// All parameters of a network in one flat slice, rows padded; gradients and the optimiser's
/// state have the same shape.
#[derive(Clone)]
pub struct Params {
    pub(crate) values: Aligned,
}

impl Params {
    /// All values, padding (always 0) included.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// All values, to be changed; the padding must stay 0.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }
}

/// The weights of all layers but the first, transposed: what the backward pass multiplies with.
pub struct Transposed(Vec<Aligned>);

/// Every layer's values and their derivatives, for a batch. Nothing in a pass allocates.
pub struct Workspace {
    samples: usize,
    /// The samples of a dense input, side by side.
    input: Aligned,
    pub(crate) values: Vec<Aligned>,
    pub(crate) d_values: Vec<Aligned>,
}

impl Workspace {
    /// The values of layer `layer` after [`Network::forward`], a row of [`padded`]`(outputs)`
    /// values per sample, of which the layer's outputs count.
    ///
    /// # Panics
    /// If there is no such layer.
    pub fn values(&self, layer: usize) -> &[f32] {
        &self.values[layer]
    }

    fn gather(&mut self, net: &Network, inputs: Inputs, rows: &[u32]) {
        assert!(
            rows.len() <= self.samples,
            "{} samples in a workspace for {}",
            rows.len(),
            self.samples
        );
        inputs.check(net.inputs);
        if let Inputs::Dense(values) = inputs {
            let (width, stride) = (net.inputs, padded(net.inputs));
            if self.input.is_empty() {
                self.input = Aligned::zeros(self.samples * stride);
            }
            for (to, &row) in self.input.chunks_exact_mut(stride).zip(rows) {
                to[..width].copy_from_slice(&values[row as usize * width..][..width]);
            }
        }
    }
}

struct Forward<'a> {
    net: &'a Network,
    params: &'a Params,
    inputs: Inputs<'a>,
    rows: &'a [u32],
    workspace: &'a mut Workspace,
}

impl Forward<'_> {
    #[inline(always)]
    fn forward<S: Simd>(&mut self, s: S) {
        let samples = self.rows.len();
        for (l, p) in self.net.placed.iter().enumerate() {
            let (before, rest) = self.workspace.values.split_at_mut(l);
            let input = source(self.net, self.inputs, self.rows, &self.workspace.input, before);
            let n = samples * padded(p.outputs);
            match p.layer {
                Layer::Dense { .. } => {
                    let dense = p.dense().expect("it is dense");
                    let weight = &self.params.values[p.weight.clone()];
                    let bias = &self.params.values[p.bias.clone()];
                    dense.forward(s, weight, bias, input, samples, &mut rest[0]);
                }
                Layer::Activation(f) => f.forward(s, &before[l - 1][..n], &mut rest[0][..n]),
            }
        }
    }
}

/// Where layer `before.len()` reads from.
#[inline(always)]
fn source<'a>(
    net: &Network,
    inputs: Inputs<'a>,
    rows: &'a [u32],
    dense_input: &'a [f32],
    before: &'a [Aligned],
) -> Source<'a> {
    match (before.last(), inputs) {
        (Some(values), _) => {
            Source::Dense { values, stride: padded(net.placed[before.len() - 1].outputs) }
        }
        (None, Inputs::Dense(_)) => {
            Source::Dense { values: dense_input, stride: padded(net.inputs) }
        }
        (None, Inputs::Sparse(matrix)) => Source::Sparse { matrix, rows },
    }
}

impl Task for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        self.forward(s);
    }
}

struct Gradient<'a> {
    forward: Forward<'a>,
    transposed: &'a Transposed,
    labels: &'a [u8],
    loss: Loss,
    scale: f32,
    grads: &'a mut Params,
}

impl Task for Gradient<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) -> f64 {
        self.forward.forward(s);
        let Forward { net, inputs, rows, workspace, .. } = self.forward;
        let samples = rows.len();
        let classes = net.outputs();
        let width = padded(classes);
        let last = net.placed.len() - 1;
        let mut loss = 0.0;
        for (b, &row) in rows.iter().enumerate() {
            let label = self.labels[row as usize];
            assert!(usize::from(label) < classes, "label {label} with {classes} outputs");
            let output = &workspace.values[last][b * width..][..width];
            let d = &mut workspace.d_values[last][b * width..][..width];
            loss +=
                f64::from(self.loss.loss_and_gradient(s, output, classes, label, self.scale, d));
        }
        for l in (0..=last).rev() {
            let p = &net.placed[l];
            let (d_before, d_rest) = workspace.d_values.split_at_mut(l);
            let n = samples * padded(p.outputs);
            let d_output = &d_rest[0][..n];
            match p.layer {
                Layer::Dense { .. } => {
                    let dense = p.dense().expect("it is dense");
                    let before = &workspace.values[..l];
                    let input = source(net, inputs, rows, &workspace.input, before);
                    let (weights, biases) = self.grads.values.split_at_mut(net.weights_len);
                    let d_weight = &mut weights[p.weight.clone()];
                    let d_bias =
                        &mut biases[p.bias.start - net.weights_len..p.bias.end - net.weights_len];
                    dense.backward_params(s, input, samples, d_output, d_weight, d_bias);
                    if let Some(d_input) = d_before.last_mut() {
                        dense.backward_input(s, &self.transposed.0[l], samples, d_output, d_input);
                    }
                }
                Layer::Activation(f) => {
                    let d_input = d_before.last_mut().expect("the first layer is dense");
                    f.backward(s, &workspace.values[l][..n], d_output, &mut d_input[..n]);
                }
            }
        }
        loss
    }
}
