//! The same seed gives the same bits, whatever the number of threads and the instruction set.

use std::process::Command;

use decipher_nn::{
    BatchTrainer, BatchTraining, Init, Inputs, Kernel, Layer, Loss, Method, Network, Objective,
    Optimizer, Params, Rng, Shape,
};

const SAMPLES: usize = 200;

/// Every kind of layer is in one of them; sizes are not multiples of any tile's.
const NETWORKS: [&[&str]; 4] = [
    &["dense 37", "tanh", "dense 21", "sigmoid", "dense 10"],
    &[
        "conv 37 5x5 pad 2",
        "batch_norm",
        "relu",
        "conv 33 3x3",
        "leaky_relu",
        "max_pool 2",
        "dropout 0.3",
        "conv 70 3x3 stride 2",
        "batch_norm",
        "global_avg_pool",
        "dense 10",
    ],
    // So many weights that threads share their transposing.
    &["conv 30 3x3", "relu", "dense 40", "tanh", "dense 10"],
    &["conv 6 5x5 pad 2", "tanh", "avg_pool 2", "conv 16 5x5", "tanh", "dense 84", "dense 10"],
];

/// Some steps of training with everything that draws, sums or averages.
fn train(layers: &[&str], threads: usize) -> (Params, Params, Vec<u64>) {
    let layers: Vec<Layer> = layers.iter().map(|l| l.parse().unwrap()).collect();
    let shape = Shape { height: 14, width: 14, channels: 1 };
    let net = Network::new(shape, &layers).unwrap();
    let mut rng = Rng::new(3, &[]);
    // Blank but for a corner, as pictures are in part.
    let mut ink = |i: usize| if i % 14 < 6 && i % 196 < 100 { rng.uniform() } else { 0.0 };
    let images: Vec<f32> = (0..SAMPLES * 196).map(&mut ink).collect();
    let labels: Vec<u8> = (0..SAMPLES).map(|_| rng.below(10) as u8).collect();
    let training = BatchTraining {
        objective: Objective { loss: Loss::SoftmaxCrossEntropy, label_smoothing: 0.1 },
        optimizer: Optimizer { method: Method::AdamW, weight_decay: 0.01 },
        average: 0.9,
        seed: 5,
        frozen: 0,
    };
    let mut params = net.init(Init::named("he").unwrap(), 7);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let mut trainer = BatchTrainer::new(&net, training, 150);
        let rows: Vec<u32> = (0..SAMPLES as u32).collect();
        let batches = [&rows[..150], &rows[50..], &rows[..70], &rows[30..31]];
        let inputs = Inputs::Dense(&images);
        let losses =
            batches.iter().cycle().take(8).map(|batch| {
                trainer.step(&net, &mut params, (inputs, &labels), batch, 0.01).to_bits()
            });
        let losses = losses.collect();
        let average = trainer.average().unwrap().clone();
        (params, average, losses)
    })
}

fn bits(params: &Params) -> Vec<u32> {
    params.values().iter().map(|v| v.to_bits()).collect()
}

#[test]
fn threads_change_no_bit() {
    for layers in NETWORKS {
        let one = train(layers, 1);
        assert!(one.0.values().iter().all(|v| v.is_finite()), "{layers:?}");
        for threads in [2, 3, 8] {
            let many = train(layers, threads);
            let what = format!("{layers:?}, {threads} threads");
            assert!(bits(&one.0) == bits(&many.0), "parameters: {what}");
            assert!(bits(&one.1) == bits(&many.1), "averages: {what}");
            assert_eq!(one.2, many.2, "losses: {what}");
        }
    }
}

/// What the test below compares: printed by a process for each kernel, which it is told by the
/// environment.
#[test]
#[ignore = "it only prints; the next test runs it"]
fn bits_of_the_chosen_kernel() {
    let parts = NETWORKS.iter().flat_map(|layers| {
        let (params, average, _) = train(layers, 2);
        [bits(&params), bits(&average)].concat()
    });
    // FNV-1a
    let sum = parts.fold(0xcbf2_9ce4_8422_2325u64, |sum, part| {
        (sum ^ u64::from(part)).wrapping_mul(0x100_0000_01b3)
    });
    println!("bits of {}: {sum:016x}.", Kernel::chosen().name());
}

#[test]
fn kernels_with_a_fused_multiply_add_agree_in_every_bit() {
    let of = |kernel: Kernel| {
        let run = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", "bits_of_the_chosen_kernel", "--nocapture"])
            .env("DECIPHER_KERNEL", kernel.name())
            .output()
            .unwrap();
        let text = String::from_utf8(run.stdout).unwrap();
        let (_, rest) = text.split_once(&format!("bits of {}: ", kernel.name())).expect("its bits");
        rest.split_once('.').unwrap().0.to_owned()
    };
    let fused = Kernel::available().into_iter().filter(|kernel| kernel.name() != "scalar");
    let all: Vec<String> = fused.map(of).collect();
    assert!(all.windows(2).all(|two| two[0] == two[1]), "{all:?}");
}
