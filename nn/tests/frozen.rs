//! With its first layers frozen, a network trains as the rest of it would alone, on what comes out
//! of them.

use decipher_nn::{
    BatchTrainer, BatchTraining, Init, Inputs, Layer, Loss, Method, Network, Objective, Optimizer,
    Params, Rng, Shape,
};

const SAMPLES: usize = 90;
const LAYERS: [&str; 11] = [
    "conv 37 3x3 pad 1",
    "batch_norm",
    "relu",
    "max_pool 2",
    "dropout 0.5",
    "conv 18 3x3",
    "batch_norm",
    "relu",
    "dense 21",
    "tanh",
    "dense 10",
];

#[test]
fn what_is_frozen_stays_and_the_rest_trains_as_if_alone() {
    let layers: Vec<Layer> = LAYERS.iter().map(|l| l.parse().unwrap()).collect();
    let shape = Shape { height: 14, width: 14, channels: 1 };
    let net = Network::new(shape, &layers).unwrap();
    let mut rng = Rng::new(3, &[]);
    let images: Vec<f32> = (0..SAMPLES * 196).map(|_| rng.uniform()).collect();
    let labels: Vec<u8> = (0..SAMPLES).map(|_| rng.below(10) as u8).collect();
    let rows: Vec<u32> = (0..SAMPLES as u32).collect();
    let start = net.init(Init::named("he").unwrap(), 7);
    for frozen in [5, 8] {
        let training = BatchTraining {
            objective: Objective { loss: Loss::SoftmaxCrossEntropy, label_smoothing: 0.1 },
            optimizer: Optimizer { method: Method::AdamW, weight_decay: 0.01 },
            average: 0.9,
            seed: 5,
            frozen,
        };
        let train = |net: &Network, training, params: &mut Params, inputs: &[f32]| {
            let mut trainer = BatchTrainer::new(net, training, 70);
            for batch in rows.chunks(70) {
                trainer.step(net, params, (Inputs::Dense(inputs), &labels), batch, 0.01);
            }
            trainer.average().unwrap().clone()
        };
        let mut params = start.clone();
        let average = train(&net, training, &mut params, &images);

        let mut workspace = net.workspace(SAMPLES);
        let values =
            net.layer_values(frozen - 1, &start, Inputs::Dense(&images), &rows, &mut workspace);
        let rest = Network::new(net.output_shape(frozen - 1), &layers[frozen..]).unwrap();
        let tensors = net.tensors();
        let (kept, trained): (Vec<_>, Vec<_>) =
            tensors.iter().partition(|spec| spec.place().0 < frozen);
        let mut alone = rest.zeros();
        for (spec, of_rest) in trained.iter().zip(rest.tensors()) {
            alone.set_tensor(&of_rest, &start.tensor(spec));
        }
        let average_alone =
            train(&rest, BatchTraining { frozen: 0, ..training }, &mut alone, &values);

        assert_eq!(trained.len(), rest.tensors().len());
        for spec in kept {
            assert_eq!(params.tensor(spec), start.tensor(spec), "{spec:?}");
            assert_eq!(average.tensor(spec), start.tensor(spec), "{spec:?}");
        }
        for (spec, of_rest) in trained.iter().zip(rest.tensors()) {
            assert_ne!(params.tensor(spec), start.tensor(spec), "{spec:?}");
            let pairs = [(&params, &alone), (&average, &average_alone)];
            for (a, b) in pairs.map(|(all, rest)| (all.tensor(spec), rest.tensor(&of_rest))) {
                let near = a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-5);
                assert!(near, "{frozen} frozen, {spec:?}: {a:?} {b:?}");
            }
        }
    }
}
