//! Backpropagation against finite differences of a plain network in f64, for every activation and
//! loss; and the ways to train against each other.

use decipher_nn::{
    Activation, BatchTrainer, BatchTraining, Init, Inputs, Layer, Loss, Method, Network, Objective,
    Online, Optimizer, Params, Rng, Shape, SparseMatrix,
};

const SHAPE: Shape = Shape { height: 7, width: 6, channels: 1 };
const INPUTS: usize = 42;
const SAMPLES: usize = 3;
const LABELS: [u8; SAMPLES] = [2, 0, 3];

fn network(layers: &[&str]) -> Network {
    let layers: Vec<Layer> = layers.iter().map(|l| l.parse().unwrap()).collect();
    Network::new(SHAPE, &layers).unwrap()
}

fn dense(activation: &str, output: Option<&str>) -> Network {
    let mut layers = vec!["dense 17", activation, "dense 5", activation, "dense 4"];
    layers.extend(output);
    network(&layers)
}

/// About a third are 0, so that the same values are a sparse and a dense input.
fn inputs(seed: u64) -> Vec<f32> {
    let mut rng = Rng::new(seed, &[]);
    (0..SAMPLES * INPUTS).map(|_| (rng.uniform() * 1.5 - 0.5).max(0.0)).collect()
}

/// The tensors of `params`, in f64.
fn tensors(net: &Network, params: &Params) -> Vec<Vec<f64>> {
    let wide = |spec| params.tensor(spec).into_iter().map(f64::from).collect();
    net.tensors().iter().map(wide).collect()
}

/// All samples' values of a layer, and their shape.
type Values = (Vec<Vec<f64>>, Shape);

/// A sample's input, then row, column and channel of an output.
type Pixel<'a> = dyn Fn(&[f64], usize, usize, usize) -> f64 + 'a;

/// What a layer makes of all samples: straight loops, no tricks.
fn reference_layer(layer: Layer, (inputs, shape): Values, tensors: &[Vec<f64>]) -> Values {
    let to = layer.output(shape).unwrap();
    let at = |y: usize, x: usize, c: usize| (y * shape.width + x) * shape.channels + c;
    let each_pixel = |f: &Pixel| -> Vec<Vec<f64>> {
        let pixel = |v: &[f64], i: usize| {
            let (c, i) = (i % to.channels, i / to.channels);
            f(v, i / to.width, i % to.width, c)
        };
        inputs.iter().map(|v| (0..to.values()).map(|i| pixel(v, i)).collect()).collect()
    };
    let pool = |size: (usize, usize), of: &dyn Fn(Vec<f64>) -> f64| {
        each_pixel(&|v, y, x, c| {
            let pixel = |i: usize| v[at(y * size.0 + i / size.1, x * size.1 + i % size.1, c)];
            of((0..size.0 * size.1).map(pixel).collect())
        })
    };
    let mean = |v: Vec<f64>| v.iter().sum::<f64>() / v.len() as f64;
    let outputs = match layer {
        Layer::Dense { outputs } => each_pixel(&|v, _, _, o| {
            let products = v.iter().enumerate().map(|(i, v)| v * tensors[0][i * outputs + o]);
            products.sum::<f64>() + tensors[1][o]
        }),
        Layer::Conv2d { outputs, kernel, stride, pad } => each_pixel(&|v, y, x, o| {
            let mut sum = tensors[1][o];
            for (ky, kx) in (0..kernel.0).flat_map(|ky| (0..kernel.1).map(move |kx| (ky, kx))) {
                let (y, x) =
                    ((y * stride + ky).wrapping_sub(pad), (x * stride + kx).wrapping_sub(pad));
                if y < shape.height && x < shape.width {
                    for c in 0..shape.channels {
                        let w = ((ky * kernel.1 + kx) * shape.channels + c) * outputs + o;
                        sum += v[at(y, x, c)] * tensors[0][w];
                    }
                }
            }
            sum
        }),
        Layer::MaxPool2d { size } => {
            pool((size, size), &|v| v.into_iter().fold(f64::NEG_INFINITY, f64::max))
        }
        Layer::AvgPool2d { size } => pool((size, size), &mean),
        Layer::GlobalAvgPool2d => pool((shape.height, shape.width), &mean),
        Layer::BatchNorm => {
            let channel = |c: usize| {
                inputs.iter().flat_map(move |v| v.iter().skip(c).step_by(shape.channels))
            };
            each_pixel(&|v, y, x, c| {
                let m = mean(channel(c).copied().collect());
                let variance = mean(channel(c).map(|x| (x - m).powi(2)).collect());
                (v[at(y, x, c)] - m) / (variance + 1e-5).sqrt() * tensors[0][c] + tensors[1][c]
            })
        }
        Layer::Dropout { rate } => {
            assert_eq!(rate, 0.0, "the reference does not drop");
            inputs
        }
        Layer::Activation(f) => {
            inputs.into_iter().map(|v| v.into_iter().map(|z| activate(f, z)).collect()).collect()
        }
    };
    (outputs, to)
}

/// The summed loss of all samples.
fn reference_loss(
    net: &Network,
    tensors: &[Vec<f64>],
    inputs: &[f32],
    objective: Objective,
) -> f64 {
    let wide = |v: &[f32]| v.iter().map(|&v| f64::from(v)).collect();
    let mut values: Values = (inputs.chunks(INPUTS).map(wide).collect(), SHAPE);
    let mut tensors = tensors;
    for &layer in net.layers() {
        values = reference_layer(layer, values, tensors);
        let used = match layer {
            Layer::Dense { .. } | Layer::Conv2d { .. } => 2,
            Layer::BatchNorm => 4,
            _ => 0,
        };
        tensors = &tensors[used..];
    }
    let mut total = 0.0;
    for (values, label) in values.0.into_iter().zip(LABELS) {
        let smoothing = f64::from(objective.label_smoothing);
        let target = |i: usize| {
            let one_hot = f64::from(u8::from(i == usize::from(label)));
            (1.0 - smoothing) * one_hot + smoothing / values.len() as f64
        };
        let outputs = values.iter().enumerate();
        total += match objective.loss {
            Loss::Quadratic => outputs.map(|(i, a)| 0.5 * (a - target(i)).powi(2)).sum(),
            // -y ln s(z) - (1 - y) ln(1 - s(z)) = ln(1 + e^z) - y z
            Loss::SigmoidCrossEntropy => {
                outputs.map(|(i, z)| z.exp().ln_1p() - target(i) * z).sum()
            }
            Loss::SoftmaxCrossEntropy => {
                let sum = values.iter().map(|z| z.exp()).sum::<f64>().ln();
                outputs.map(|(i, z)| target(i) * (sum - z)).sum::<f64>()
            }
        };
    }
    total
}

fn activate(f: Activation, z: f64) -> f64 {
    match f.name() {
        "sigmoid" => 1.0 / (1.0 + (-z).exp()),
        "tanh" => z.tanh(),
        "relu" => z.max(0.0),
        "leaky_relu" => z.max(0.01 * z),
        "identity" => z,
        name => panic!("the reference does not know {name}"),
    }
}

/// The summed loss, and the gradient of its mean, as a batch is trained with.
fn gradient(net: &Network, params: &Params, inputs: Inputs, objective: Objective) -> (f64, Params) {
    let (mut transposed, mut grads) = (net.transposed(0), net.zeros());
    net.transpose(params, &mut transposed);
    let (examples, mut workspace) = ((inputs, &LABELS[..]), net.workspace(SAMPLES));
    let scale = (1.0 / SAMPLES as f32, 0);
    let rows = [0, 1, 2];
    // Twice, so that what a pass leaves behind is seen; the second counts.
    let mut sum = 0.0;
    for _ in 0..2 {
        grads.values_mut().fill(0.0);
        let (transposed, w) = (&transposed, &mut workspace);
        sum = net.gradient(params, transposed, examples, &rows, objective, scale, w, &mut grads);
    }
    (sum, grads)
}

fn check(what: &str, net: &Network, objective: Objective, seed: u64) {
    let mut params = net.init(Init::He, seed);
    // Biases, scales and shifts that are not all 0 or 1.
    let mut rng = Rng::new(seed, &[1]);
    for spec in net.tensors().iter().filter(|spec| spec.shape.len() == 1) {
        let values = params.tensor(spec);
        let moved: Vec<f32> = values.iter().map(|v| v + 0.2 * rng.normal()).collect();
        params.set_tensor(spec, &moved);
    }
    let dense = inputs(seed);
    let sparse = SparseMatrix::from_dense(&dense, INPUTS);
    let mut tensors = tensors(net, &params);
    let expected = reference_loss(net, &tensors, &dense, objective);
    for inputs in [Inputs::Dense(&dense), Inputs::Sparse(&sparse)] {
        let (sum, grads) = gradient(net, &params, inputs, objective);
        assert!((sum - expected).abs() < 2e-5, "{what}: loss {sum}, not {expected}");
        for (t, spec) in net.tensors().iter().enumerate() {
            if spec.name.ends_with("mean") || spec.name.ends_with("variance") {
                continue;
            }
            for (i, got) in grads.tensor(spec).into_iter().enumerate() {
                let step = 1e-5;
                let original = tensors[t][i];
                let mut at = |value: f64| {
                    tensors[t][i] = value;
                    reference_loss(net, &tensors, &dense, objective)
                };
                let rise = at(original + step) - at(original - step);
                let slope = rise / (2.0 * step * SAMPLES as f64);
                at(original);
                let error = (f64::from(got) - slope).abs() / slope.abs().max(1.0);
                assert!(error < 1e-6, "{what}, {}[{i}]: {got}, not {slope}", spec.name);
            }
        }
    }
}

#[test]
fn every_activation_and_loss_agrees_with_finite_differences() {
    for (seed, activation) in (1..).zip(Activation::ALL.map(Activation::name)) {
        for output in [None, Some(activation)] {
            for loss in Loss::ALL {
                for label_smoothing in [0.0, 0.1] {
                    let what = format!("{activation} {output:?} {} {label_smoothing}", loss.name());
                    let objective = Objective { loss, label_smoothing };
                    check(&what, &dense(activation, output), objective, seed);
                }
            }
        }
    }
}

#[test]
fn every_layer_agrees_with_finite_differences() {
    let objective = Objective { loss: Loss::SoftmaxCrossEntropy, label_smoothing: 0.0 };
    for (seed, layers) in (1..).zip([
        &["conv 3 3x3", "sigmoid", "conv 18 2x3", "tanh", "dense 4"][..],
        &["conv 3 3x3 pad 1", "sigmoid", "conv 2 3x2 pad 1", "tanh", "dense 4"],
        &["conv 5 3x3 stride 2 pad 1", "tanh", "conv 3 2x2 stride 2", "tanh", "dense 4"],
        &["conv 3 2x2", "max_pool 2", "tanh", "dense 4"],
        &["conv 17 2x2", "leaky_relu", "avg_pool 2", "conv 3 2x2 pad 1", "dense 4"],
        &["conv 3 2x2", "tanh", "global_avg_pool", "dense 4"],
        &["conv 3 3x3", "batch_norm", "tanh", "conv 2 3x3 pad 2", "batch_norm", "tanh", "dense 4"],
        &["dense 20", "batch_norm", "sigmoid", "dropout 0", "dense 4"],
        &["conv 3 3x3", "tanh", "sigmoid", "dropout 0", "conv 2 3x3 pad 1", "identity", "dense 4"],
        &["conv 16 7x6", "tanh", "dense 4"],
        &["conv 4 3x3", "global_avg_pool"],
        &["conv 3 2x3", "tanh", "max_pool 2", "dense 4"],
        &["conv 3 2x3 pad 1", "sigmoid", "conv 5 3x3 pad 1", "tanh", "avg_pool 2", "dense 4"],
        &["conv 3 3x3 pad 1", "tanh", "avg_pool 2", "conv 4 2x3 pad 1", "tanh", "dense 4"],
        &["conv 3 3x3 pad 1", "tanh", "avg_pool 2", "conv 4 2x2 stride 2 pad 1", "tanh", "dense 4"],
        &["conv 3 3x3 pad 1", "tanh", "avg_pool 2", "conv 4 3x3 stride 2 pad 2", "tanh", "dense 4"],
    ]) {
        check(&format!("{layers:?}"), &network(layers), objective, seed);
    }
}

#[test]
fn sparse_samples_of_ones_are_what_dense_ones_are() {
    let binary: Vec<f32> = inputs(3).into_iter().map(f32::ceil).collect();
    let sparse = SparseMatrix::from_dense(&binary, INPUTS);
    for layers in [&["conv 3 3x3", "tanh", "dense 4"][..], &["dense 5", "tanh", "dense 4"]] {
        let net = network(layers);
        let params = net.init(Init::He, 3);
        let outputs =
            |inputs| net.forward(&params, inputs, &[2, 0, 1], &mut net.workspace(3)).to_vec();
        let (of_dense, of_sparse) =
            (outputs(Inputs::Dense(&binary)), outputs(Inputs::Sparse(&sparse)));
        for (a, b) in of_dense.iter().zip(of_sparse) {
            assert!((a - b).abs() < 1e-5, "{layers:?}: {a}, not {b}");
        }
    }
}

/// What dropout drops follows from the key: the gradient is that of the loss with the same key.
#[test]
fn dropout_drops_the_same_forward_and_backward() {
    let net = network(&["conv 3 3x3", "tanh", "dropout 0.4", "dense 4"]);
    let objective = Objective { loss: Loss::SoftmaxCrossEntropy, label_smoothing: 0.0 };
    let (params, inputs) = (net.init(Init::He, 1), inputs(1));
    let mut transposed = net.transposed(0);
    net.transpose(&params, &mut transposed);
    let mut workspace = net.workspace(SAMPLES);
    let mut loss = |params: &Params, key: u64, grads: &mut Params| {
        let (examples, t) = ((Inputs::Dense(&inputs), &LABELS[..]), &transposed);
        net.gradient(params, t, examples, &[0, 1, 2], objective, (1.0, key), &mut workspace, grads)
    };
    let mut grads = net.zeros();
    let first = loss(&params, 5, &mut grads);
    assert_ne!(first, loss(&params, 6, &mut net.zeros()));
    for spec in net.tensors() {
        let (values, expected) = (params.tensor(&spec), grads.tensor(&spec));
        for i in 0..values.len() {
            let mut at = |step: f32| {
                let (mut params, mut moved) = (params.clone(), values.clone());
                moved[i] += step;
                params.set_tensor(&spec, &moved);
                loss(&params, 5, &mut net.zeros())
            };
            let slope = (at(0.01) - at(-0.01)) / 0.02;
            assert!((slope - f64::from(expected[i])).abs() < 2e-3, "{} {i}: {slope}", spec.name);
        }
    }
}

#[test]
fn a_step_online_is_a_batch_of_one() {
    let net = dense("sigmoid", None);
    let loss = Loss::SoftmaxCrossEntropy;
    let sparse = SparseMatrix::from_dense(&inputs(7), INPUTS);
    let (mut online, mut batch) = (net.init(Init::ALL[3], 7), net.init(Init::ALL[3], 7));
    let mut trainer = Online::new(&net);
    let examples = (&sparse, &LABELS[..]);
    trainer.train(&net, &mut online, examples, &[2, 0, 1], loss, 0.01, &|_| 0.1);
    let training = BatchTraining {
        objective: Objective { loss, label_smoothing: 0.0 },
        optimizer: Optimizer { method: Method::Sgd { momentum: 0.0 }, weight_decay: 0.01 },
        average: 0.0,
        seed: 1,
        frozen: 0,
    };
    let mut batches = BatchTrainer::new(&net, training, 1);
    for row in [2, 0, 1] {
        batches.step(&net, &mut batch, (Inputs::Sparse(&sparse), &LABELS), &[row], 0.1);
    }
    for (a, b) in online.values().iter().zip(batch.values()) {
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }
}

#[test]
fn a_network_ends_with_one_pixel() {
    let layers = ["conv 2 7x5", "relu"].map(|l| l.parse().unwrap());
    let error = Network::new(SHAPE, &layers).unwrap_err();
    assert!(error.contains("one pixel, not with 1 x 2"), "{error}");
}
