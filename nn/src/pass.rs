//! Forward and backward through all layers.

use std::ops::Range;

use crate::aligned::padded;
use crate::kernel::{Kernel, Simd, Task};
use crate::layer::Layer;
use crate::layers::dropout::drop_some;
use crate::loss::{Loss, Objective};
use crate::network::{Network, Placed, Transposed};
use crate::params::Params;
use crate::rng::hash;
use crate::sparse::Inputs;
use crate::workspace::{Workspace, reads_sparse};

impl Network {
    /// The outputs for the samples `rows` of `inputs`, a row of [`padded`]`(outputs)` values each,
    /// of which the first `outputs` count. What they mean depends on the loss. Their last bits may depend on
    /// how many samples go through together.
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
        let width = padded(self.outputs());
        assert!(
            rows.len() * width <= workspace.outputs.len(),
            "{} samples in a workspace for {}",
            rows.len(),
            workspace.outputs.len() / width
        );
        let last = self.buffers.len() - 1;
        for (pass, rows) in rows.chunks(workspace.samples).enumerate() {
            self.pass_forward(params, inputs, rows, workspace, self.placed.len());
            let first = pass * workspace.samples * width;
            workspace.outputs[first..][..rows.len() * width]
                .copy_from_slice(&workspace.values[last][..rows.len() * width]);
        }
        &workspace.outputs[..rows.len() * width]
    }

    /// The samples `rows`, of one pass, through all layers before `end`.
    fn pass_forward(
        &self,
        params: &Params,
        inputs: Inputs,
        rows: &[u32],
        workspace: &mut Workspace,
        end: usize,
    ) {
        let (light, few) = (self.light().min(end), workspace.few);
        workspace.prepare(self, params);
        let mut run = |layers: Range<usize>, rows: &[u32], before: usize| {
            if layers.start == 0 {
                workspace.gather(self, inputs, rows);
            }
            let w = &mut *workspace;
            let forward = Forward { net: self, layers, params, inputs, rows, before, workspace: w };
            Kernel::chosen().run(forward);
        };
        if rows.len() > few {
            rows.chunks(few).enumerate().for_each(|(i, rows)| run(0..light, rows, i * few));
            run(light..end, rows, 0);
        } else {
            run(0..end, rows, 0);
        }
    }

    /// What comes out of layer `l` for the samples `rows` of `inputs`: all values of a sample
    /// side by side, without padding.
    ///
    /// # Panics
    /// As [`Network::forward`], or if there is no layer `l`.
    pub fn layer_values(
        &self,
        l: usize,
        params: &Params,
        inputs: Inputs,
        rows: &[u32],
        workspace: &mut Workspace,
    ) -> Vec<f32> {
        let Placed { buffer, output, .. } = self.placed[l];
        let at_a_time = if buffer < self.kept() { workspace.few } else { workspace.samples };
        let mut all = Vec::with_capacity(rows.len() * output.shape.values());
        for rows in rows.chunks(at_a_time) {
            self.pass_forward(params, inputs, rows, workspace, l + 1);
            for at in output.pixels(rows.len()) {
                let pixel = &workspace.values[buffer][at as usize..];
                all.extend_from_slice(&pixel[..output.shape.channels]);
            }
        }
        all
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
        let out = &mut workspace.outputs[..rows.len() * padded(classes)];
        Kernel::chosen().run(Probabilities(out, loss, classes));
        out
    }

    /// Adds up the loss of the samples `rows` and the gradient of `scale` times that loss.
    /// `transposed` is what [`Network::transpose`] made of `params`, and says which layers are
    /// frozen: those have no gradient, drop nothing and normalise by their running statistics. What
    /// dropout does follows from `key`. In the place of running statistics stand those of this
    /// pass, times `scale` and the number of samples.
    ///
    /// # Panics
    /// If there are more `rows` than go through the network at a time (at least 8), if `inputs` has
    /// other columns than the network, `rows` names a sample that is not there, or a label is not
    /// below the number of outputs.
    #[allow(clippy::too_many_arguments)]
    pub fn gradient(
        &self,
        params: &Params,
        transposed: &Transposed,
        (inputs, labels): (Inputs, &[u8]),
        rows: &[u32],
        objective: Objective,
        (scale, key): (f32, u64),
        workspace: &mut Workspace,
        grads: &mut Params,
    ) -> f64 {
        workspace.make_room_for_derivatives(self);
        workspace.prepare(self, params);
        workspace.gather(self, inputs, rows);
        let layers = 0..self.placed.len();
        let forward = Forward { net: self, layers, params, inputs, rows, before: 0, workspace };
        Kernel::chosen().run(Gradient { forward, transposed, labels, objective, scale, key, grads })
    }
}

struct Forward<'a> {
    net: &'a Network,
    layers: Range<usize>,
    params: &'a Params,
    inputs: Inputs<'a>,
    rows: &'a [u32],
    /// Samples of the pass that went through these layers before; what these end in keeps them.
    before: usize,
    workspace: &'a mut Workspace,
}

impl Forward<'_> {
    /// `training`: the first layer that is trained, and the key of dropout. From that layer on,
    /// batches are normalised by their own statistics.
    #[inline(always)]
    fn forward<S: Simd>(&mut self, s: S, training: Option<(usize, u64)>) {
        let samples = self.rows.len();
        let Workspace { input, values, places, statistics, .. } = &mut *self.workspace;
        let placed = &self.net.placed;
        let last = placed[self.layers.end - 1].buffer;
        for (l, p) in placed.iter().enumerate().take(self.layers.end).skip(self.layers.start) {
            let training = training.filter(|&(frozen, _)| l >= frozen);
            let (sources, rest) = values.split_at_mut(p.buffer);
            let source =
                p.source.map_or(&input[..], |b| if b < p.buffer { &sources[b] } else { &[] });
            let before = if p.buffer == last { self.before * p.output.sample() } else { 0 };
            let output = &mut rest[0][before..];
            let params = |range: &Range<usize>| &self.params.values()[range.clone()];
            match p.layer {
                Layer::Dense { .. } | Layer::Conv2d { .. } => {
                    let params = (params(&p.weight), params(&p.bias));
                    if let (0, true, Inputs::Sparse(matrix)) =
                        (l, reads_sparse(self.net, self.inputs), self.inputs)
                    {
                        let dense = p.dense().expect("it reads sparse rows");
                        dense.forward(s, params, (matrix, self.rows), output);
                    } else {
                        let conv = p.conv2d().expect("it is a convolution");
                        let places = places[l].as_mut().expect("it has places");
                        conv.look(s, places, samples, source);
                        conv.forward(s, params, places, samples, source, output);
                    }
                }
                Layer::MaxPool2d { .. } | Layer::AvgPool2d { .. } | Layer::GlobalAvgPool2d => {
                    p.pool().expect("it pools").forward(samples, source, output);
                }
                Layer::BatchNorm => {
                    let norm = p.batch_norm().expect("it normalises");
                    let running = params(&p.statistics);
                    let statistics = if training.is_some() {
                        norm.statistics(s, samples, source, &mut statistics[l]);
                        &statistics[l]
                    } else {
                        running
                    };
                    norm.forward(s, params(&p.bias), statistics, samples, source, output);
                }
                Layer::Dropout { rate } => {
                    p.input.copy(samples, source, p.output, output);
                    if let Some((_, key)) = training {
                        let output = &mut output[..samples * p.output.sample()];
                        drop_some(s, rate, hash(key, l as u64), output);
                    }
                }
                Layer::Activation(f) => {
                    if p.source != Some(p.buffer) {
                        p.input.copy(samples, source, p.output, output);
                    }
                    for (start, len) in p.output.stretches(samples) {
                        f.forward(s, &mut output[start..start + len]);
                    }
                }
            }
        }
    }
}

impl Task for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        self.forward(s, None);
    }
}

struct Gradient<'a> {
    forward: Forward<'a>,
    transposed: &'a Transposed,
    labels: &'a [u8],
    objective: Objective,
    scale: f32,
    key: u64,
    grads: &'a mut Params,
}

impl Task for Gradient<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) -> f64 {
        let &Transposed { frozen, weights: ref transposed } = self.transposed;
        self.forward.forward(s, Some((frozen, self.key)));
        let Forward { net, inputs, rows, workspace, params, .. } = self.forward;
        let samples = rows.len();
        let classes = net.outputs();
        let width = padded(classes);
        let last = net.buffers.len() - 1;
        let mut loss = 0.0;
        for (b, &row) in rows.iter().enumerate() {
            let label = self.labels[row as usize];
            assert!(usize::from(label) < classes, "label {label} with {classes} outputs");
            let output = &workspace.values[last][b * width..][..width];
            let d = &mut workspace.d_values[last][b * width..][..width];
            loss += f64::from(self.objective.gradient(s, output, classes, label, self.scale, d));
        }
        let Workspace { input, values, d_values, places, statistics, .. } = workspace;
        let grads = self.grads.values_mut();
        for (l, p) in net.placed.iter().enumerate().skip(frozen).rev() {
            let (d_before, d_rest) = d_values.split_at_mut(p.buffer);
            let d_output = &mut d_rest[0][..];
            let (source, output) = (p.source.map_or(&input[..], |b| &values[b]), &values[p.buffer]);
            let d_source =
                p.source.filter(|&b| l > frozen && b < p.buffer).map(|b| &mut d_before[b][..]);
            match p.layer {
                Layer::Dense { .. } | Layer::Conv2d { .. } => {
                    let (weights, biases) = grads.split_at_mut(net.weights_len);
                    let bias = p.bias.start - net.weights_len..p.bias.end - net.weights_len;
                    let d_params = (&mut weights[p.weight.clone()], &mut biases[bias]);
                    if let (0, true, Inputs::Sparse(matrix)) =
                        (l, reads_sparse(net, inputs), inputs)
                    {
                        let dense = p.dense().expect("it reads sparse rows");
                        dense.backward_params(s, (matrix, rows), d_output, d_params);
                        continue;
                    }
                    let conv = p.conv2d().expect("it is a convolution");
                    let places = places[l].as_mut().expect("it has places");
                    conv.backward_params(s, places, samples, source, d_output, d_params);
                    if let Some(d_source) = d_source {
                        conv.backward_input(s, &transposed[l], places, samples, d_output, d_source);
                    }
                }
                Layer::MaxPool2d { .. } | Layer::AvgPool2d { .. } | Layer::GlobalAvgPool2d => {
                    let d_source = d_source.expect("the first layer has weights");
                    let pool = p.pool().expect("it pools");
                    pool.backward(samples, (source, output), d_output, d_source);
                }
                Layer::BatchNorm => {
                    let norm = p.batch_norm().expect("it normalises");
                    let d_source = d_source.expect("the first layer has weights");
                    let scales = &params.values()[p.bias.clone()];
                    let params = (scales, &mut grads[p.bias.clone()]);
                    let values = (source, &*d_output);
                    norm.backward(s, params, &statistics[l], samples, values, d_source);
                    let weight = self.scale * samples as f32;
                    let sums = grads[p.statistics.clone()].iter_mut();
                    sums.zip(&*statistics[l]).for_each(|(sum, x)| *sum += weight * x);
                }
                Layer::Dropout { rate } => {
                    let d_output = &mut d_output[..samples * p.output.sample()];
                    drop_some(s, rate, hash(self.key, l as u64), d_output);
                    let d_source = d_source.expect("the first layer has weights");
                    p.output.copy(samples, d_output, p.input, d_source);
                }
                Layer::Activation(f) => {
                    for (start, len) in p.output.stretches(samples) {
                        f.backward(
                            s,
                            &output[start..start + len],
                            &mut d_output[start..start + len],
                        );
                    }
                    if let Some(d_source) = d_source {
                        p.output.copy(samples, d_output, p.input, d_source);
                    }
                }
            }
        }
        loss
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aligned::Aligned;
    use crate::init::Init;
    use crate::layers::activation::Activation;
    use crate::rng::Rng;
    use crate::shape::Shape;
    use crate::workspace::PASS;

    /// Light layers, then heavy ones, of which one reads a frame.
    fn light_and_heavy(side: usize) -> (Network, Params) {
        let conv = |outputs, pad| Layer::Conv2d { outputs, kernel: (3, 3), stride: 1, pad };
        let relu = Layer::Activation(Activation::Relu);
        let layers = [
            conv(32, 1),
            relu,
            conv(40, 0),
            Layer::BatchNorm,
            relu,
            Layer::MaxPool2d { size: 2 },
            conv(64, 1),
            relu,
            Layer::Dense { outputs: 20 },
            relu,
            Layer::Dense { outputs: 10 },
        ];
        let net = Network::new(Shape { height: side, width: side, channels: 1 }, &layers).unwrap();
        let params = net.init(Init::He, 3);
        (net, params)
    }

    fn noise(len: usize) -> Vec<f32> {
        let mut rng = Rng::new(4, &[]);
        (0..len).map(|_| rng.normal()).collect()
    }

    #[test]
    fn a_few_samples_at_a_time_through_the_light_layers_give_what_all_at_once_do() {
        for (side, few) in [(28, 1), (20, 2)] {
            let (net, params) = light_and_heavy(side);
            let images = noise(40 * net.inputs());
            let rows: Vec<u32> = (0..40).rev().collect();
            let mut workspace = net.workspace(40);
            assert_eq!(workspace.few, few);
            assert!(workspace.few < workspace.samples && workspace.samples < PASS);
            let mut plain = net.pass_workspace(40);
            plain.outputs = Aligned::zeros(40 * padded(10));
            for l in 0..net.layers().len() {
                let values = |workspace: &mut Workspace| {
                    net.layer_values(l, &params, Inputs::Dense(&images), &rows, workspace)
                };
                // Where one sample is left, its dense layers sum up in another order.
                for (a, b) in values(&mut workspace).iter().zip(values(&mut plain)) {
                    assert!((a - b).abs() <= 1e-5 * (1.0 + b.abs()), "layer {l}: {a}, not {b}");
                }
            }
            let outputs = |workspace: &mut Workspace| {
                net.forward(&params, Inputs::Dense(&images), &rows, workspace).to_vec()
            };
            assert_eq!(outputs(&mut workspace), outputs(&mut plain));
        }
    }

    /// The gradient of the mean loss of eight images of noise.
    fn gradient(net: &Network, params: &Params, workspace: &mut Workspace) -> Vec<f32> {
        let images = noise(8 * net.inputs());
        let rows: Vec<u32> = (0..8).collect();
        let labels: Vec<u8> = rows.iter().map(|i| (i % 10) as u8).collect();
        let mut transposed = net.transposed(0);
        net.transpose(params, &mut transposed);
        let objective = Objective { loss: Loss::SoftmaxCrossEntropy, label_smoothing: 0.0 };
        let (labelled, mut grads) = ((Inputs::Dense(&images), &labels[..]), net.zeros());
        let scale = (1.0 / 8.0, 0);
        net.gradient(params, &transposed, labelled, &rows, objective, scale, workspace, &mut grads);
        grads.values().to_vec()
    }

    /// Two pixels of the first convolution are a vector, and what comes of them stays half vectors.
    fn narrow() -> (Network, Params) {
        let layers = ["conv 6 5x5", "tanh", "avg_pool 2", "conv 16 5x5", "tanh", "dense 10"];
        let layers = layers.map(|layer| layer.parse().unwrap());
        let net = Network::new(Shape { height: 28, width: 28, channels: 1 }, &layers).unwrap();
        let params = net.init(Init::Glorot, 3);
        (net, params)
    }

    #[test]
    fn a_workspace_goes_by_the_parameters_of_the_call() {
        // What is made of weights: pairs of pixels, and points by Winograd's method.
        for ((net, first), layers) in [(narrow(), vec![0, 3]), (light_and_heavy(28), vec![2, 6])] {
            let images = noise(8 * net.inputs());
            let rows: Vec<u32> = (0..8).collect();
            let outputs = |params: &Params, workspace: &mut Workspace| {
                net.forward(params, Inputs::Dense(&images), &rows, workspace).to_vec()
            };
            let mut changed = first.clone();
            let (mut used, mut trained) = (net.workspace(8), net.pass_workspace(8));
            for l in layers {
                let before = (outputs(&changed, &mut used), gradient(&net, &changed, &mut trained));
                changed.values_mut()[net.placed[l].weight.start] += 1.0;
                let after = (outputs(&changed, &mut used), gradient(&net, &changed, &mut trained));
                assert_ne!(after.0, before.0, "layer {l}");
                assert!(after.1 != before.1, "layer {l}");
                assert_eq!(after.0, outputs(&changed, &mut net.workspace(8)));
                assert!(after.1 == gradient(&net, &changed, &mut net.pass_workspace(8)));
            }
            assert_eq!(outputs(&first, &mut used), outputs(&first, &mut net.workspace(8)));
        }
    }

    #[test]
    fn the_gradient_through_winograds_method_is_that_of_plain_sums() {
        let (net, params) = light_and_heavy(28);
        let mut plain = net.pass_workspace(8);
        let methods = plain.places.iter_mut().flatten();
        let count = methods.filter_map(|places| places.winograd.take()).count();
        assert_eq!(count, 2);
        let (want, got) = (
            gradient(&net, &params, &mut plain),
            gradient(&net, &params, &mut net.pass_workspace(8)),
        );
        assert!(got != want);
        let largest = want.iter().fold(0.0f32, |most, v| most.max(v.abs()));
        for (i, (a, b)) in got.iter().zip(&want).enumerate() {
            assert!((a - b).abs() <= 1e-4 * largest, "{i}: {a}, not {b}");
        }
    }

    #[test]
    #[should_panic(expected = "parameters of another network")]
    fn parameters_of_another_network_are_refused() {
        let (net, _) = light_and_heavy(28);
        let images = noise(net.inputs());
        net.forward(&narrow().1, Inputs::Dense(&images), &[0], &mut net.workspace(1));
    }

    #[test]
    fn a_workspace_serves_the_gradient_after_it_served_inference() {
        let (net, params) = light_and_heavy(28);
        let images = noise(8 * net.inputs());
        let rows: Vec<u32> = (0..8).collect();
        let inputs = Inputs::Dense(&images);
        let mut used = net.workspace(8);
        let before = net.forward(&params, inputs, &rows, &mut used).to_vec();
        assert!(used.few < used.samples);
        let unused = &mut net.pass_workspace(8);
        assert!(gradient(&net, &params, &mut used) == gradient(&net, &params, unused));
        assert_eq!(net.forward(&params, inputs, &rows, &mut used), before);
    }
}
