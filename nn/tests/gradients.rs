//! Backpropagation against finite differences of a plain network in f64, for every activation and
//! loss; and the ways to train against each other.

use decipher_nn::{
    Activation, BatchTrainer, Init, Inputs, Layer, Loss, Network, Online, Params, Rng, Sgd,
    SparseMatrix,
};

const INPUTS: usize = 19;
const SAMPLES: usize = 3;
const LABELS: [u8; SAMPLES] = [2, 0, 3];

fn network(activation: Activation, output: Option<Activation>) -> Network {
    let mut layers = vec![
        Layer::Dense { outputs: 17 },
        Layer::Activation(activation),
        Layer::Dense { outputs: 5 },
        Layer::Activation(activation),
        Layer::Dense { outputs: 4 },
    ];
    layers.extend(output.map(Layer::Activation));
    Network::new(INPUTS, &layers).unwrap()
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

/// The summed loss of all samples: straight loops, no tricks but the logarithm of a sum.
fn reference_loss(net: &Network, tensors: &[Vec<f64>], inputs: &[f32], loss: Loss) -> f64 {
    let mut total = 0.0;
    for (input, label) in inputs.chunks(INPUTS).zip(LABELS) {
        let mut values: Vec<f64> = input.iter().map(|&v| f64::from(v)).collect();
        let mut tensors = tensors.iter();
        for layer in net.layers() {
            values = match *layer {
                Layer::Dense { outputs } => {
                    let (weight, bias) = (tensors.next().unwrap(), tensors.next().unwrap());
                    let sum = |o: usize| -> f64 {
                        values.iter().enumerate().map(|(i, v)| v * weight[i * outputs + o]).sum()
                    };
                    (0..outputs).map(|o| sum(o) + bias[o]).collect()
                }
                Layer::Activation(f) => values.iter().map(|&z| activate(f, z)).collect(),
            };
        }
        let target = |i: usize| f64::from(u8::from(i == usize::from(label)));
        let outputs = values.iter().enumerate();
        total += match loss {
            Loss::Quadratic => outputs.map(|(i, a)| 0.5 * (a - target(i)).powi(2)).sum(),
            // -y ln s(z) - (1 - y) ln(1 - s(z)) = ln(1 + e^z) - y z
            Loss::SigmoidCrossEntropy => {
                outputs.map(|(i, z)| z.exp().ln_1p() - target(i) * z).sum()
            }
            Loss::SoftmaxCrossEntropy => {
                values.iter().map(|z| z.exp()).sum::<f64>().ln() - values[usize::from(label)]
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
fn gradient(net: &Network, params: &Params, inputs: Inputs, loss: Loss) -> (f64, Params) {
    let (mut transposed, mut grads) = (net.transposed(), net.zeros());
    net.transpose(params, &mut transposed);
    let (examples, mut workspace) = ((inputs, &LABELS[..]), net.workspace(SAMPLES));
    let rows = [0, 1, 2];
    let sum = net.gradient(
        params,
        &transposed,
        examples,
        &rows,
        loss,
        1.0 / SAMPLES as f32,
        &mut workspace,
        &mut grads,
    );
    (sum, grads)
}

#[test]
fn every_layer_and_loss_agrees_with_finite_differences() {
    for (seed, activation) in (1..).zip(Activation::ALL) {
        for output in [None, Some(activation)] {
            for loss in Loss::ALL {
                let what = format!("{} {output:?} {}", activation.name(), loss.name());
                let net = network(activation, output);
                let params = net.init(Init::ALL[3], seed);
                let dense = inputs(seed);
                let sparse = SparseMatrix::from_dense(&dense, INPUTS);
                let mut tensors = tensors(&net, &params);
                let expected = reference_loss(&net, &tensors, &dense, loss);
                for inputs in [Inputs::Dense(&dense), Inputs::Sparse(&sparse)] {
                    let (sum, grads) = gradient(&net, &params, inputs, loss);
                    assert!((sum - expected).abs() < 1e-5, "{what}: loss {sum}, not {expected}");
                    for (t, spec) in net.tensors().iter().enumerate() {
                        for (i, got) in grads.tensor(spec).into_iter().enumerate() {
                            let step = 1e-5;
                            let original = tensors[t][i];
                            let mut at = |value: f64| {
                                tensors[t][i] = value;
                                reference_loss(&net, &tensors, &dense, loss)
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
        }
    }
}

#[test]
fn a_step_online_is_a_batch_of_one() {
    let net = network(Activation::ALL[0], None);
    let loss = Loss::SoftmaxCrossEntropy;
    let sparse = SparseMatrix::from_dense(&inputs(7), INPUTS);
    let (mut online, mut batch) = (net.init(Init::ALL[3], 7), net.init(Init::ALL[3], 7));
    let mut trainer = Online::new(&net);
    let examples = (&sparse, &LABELS[..]);
    trainer.train(&net, &mut online, examples, &[2, 0, 1], loss, 0.01, &|_| 0.1);
    let sgd = Sgd { momentum: 0.0, weight_decay: 0.01 };
    let mut batches = BatchTrainer::new(&net, loss, sgd, 1);
    for row in [2, 0, 1] {
        batches.step(&net, &mut batch, (Inputs::Sparse(&sparse), &LABELS), &[row], 0.1);
    }
    for (a, b) in online.values().iter().zip(batch.values()) {
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }
}
