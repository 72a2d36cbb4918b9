//! A training that goes on with other settings does what one that began with them does.

use decipher_nn::{
    BatchTrainer, BatchTraining, Init, Inputs, Layer, Loss, Method, Network, Objective, Optimizer,
    Params, Rng, Shape,
};

const SAMPLES: usize = 60;

fn network(dropout: f32) -> Network {
    let layers = ["dense 20", "relu", &format!("dropout {dropout}"), "dense 10"];
    let layers: Vec<Layer> = layers.iter().map(|l| l.parse().unwrap()).collect();
    Network::new(Shape { height: 5, width: 5, channels: 1 }, &layers).unwrap()
}

fn trainer(net: &Network, momentum: f32, weight_decay: f32) -> (BatchTrainer, Optimizer) {
    let optimizer = Optimizer { method: Method::Sgd { momentum }, weight_decay };
    let training = BatchTraining {
        objective: Objective { loss: Loss::SoftmaxCrossEntropy, label_smoothing: 0.0 },
        optimizer,
        average: 0.0,
        seed: 5,
        frozen: 0,
    };
    (BatchTrainer::new(net, training, SAMPLES), optimizer)
}

/// Three steps.
fn train(net: &Network, trainer: &mut BatchTrainer, params: &mut Params) {
    let mut rng = Rng::new(3, &[]);
    let images: Vec<f32> = (0..SAMPLES * 25).map(|_| rng.uniform()).collect();
    let labels: Vec<u8> = (0..SAMPLES).map(|_| rng.below(10) as u8).collect();
    let rows: Vec<u32> = (0..SAMPLES as u32).collect();
    for _ in 0..3 {
        trainer.step(net, params, (Inputs::Dense(&images), &labels), &rows, 0.1);
    }
}

#[test]
fn dropout_set_later_is_dropout_from_the_start() {
    let (half, none) = (network(0.5), network(0.0));
    assert_eq!(none.clone().with_dropout(0.5).layers(), half.layers());
    let start = half.init(Init::named("he").unwrap(), 7);
    let trained = |net: &Network| {
        let mut params = start.clone();
        train(net, &mut trainer(net, 0.0, 0.0).0, &mut params);
        params
    };
    let set_later = trained(&none.clone().with_dropout(0.5));
    assert_eq!(set_later.values(), trained(&half).values());
    assert_ne!(set_later.values(), trained(&none).values());
}

#[test]
fn momentum_and_decay_hold_from_the_next_step_on() {
    let net = network(0.0);
    // To other settings, with a momentum that has nothing to remember yet, or nothing any more.
    for (before, after) in [((0.9, 0.0), (0.0, 0.1)), ((0.0, 0.1), (0.9, 0.0))] {
        let mut params = net.init(Init::named("he").unwrap(), 7);
        let (mut steered, _) = trainer(&net, before.0, before.1);
        train(&net, &mut steered, &mut params);
        let (mut fresh, optimizer) = trainer(&net, after.0, after.1);
        let (mut expected, mut as_before) = (params.clone(), params.clone());
        let mut kept = trainer(&net, before.0, before.1).0;
        train(&net, &mut fresh, &mut expected);
        train(&net, &mut kept, &mut as_before);
        steered.go_on_with(&net, optimizer);
        train(&net, &mut steered, &mut params);
        assert_eq!(params.values(), expected.values(), "{before:?} to {after:?}");
        assert_ne!(params.values(), as_before.values(), "{before:?} to {after:?}");
    }
}
