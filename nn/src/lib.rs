//! Small f32 neural networks on the CPU: training and inference.
//!
//! A [`Network`] is an immutable description, [`Params`] are its numbers, a [`Workspace`] is the
//! memory of one pass. [`Online`] trains sample by sample, [`BatchTrainer`] batch by batch. The
//! same seed gives the same bits on any number of threads, with AVX2 and with AVX-512.
//!
//! Misuse of shapes is a programming error here and panics with both shapes; what comes from
//! outside (files, recipes, pictures) is checked by the crate `decipher` before it gets here.
//!
//! ```
//! use decipher_nn::{Inputs, Init, Loss, Network, Online, Shape, SparseMatrix};
//!
//! // Two inputs, one hidden layer, two classes: exclusive or.
//! let layers = ["dense 8", "tanh", "dense 2"].map(|l| l.parse().unwrap());
//! let net = Network::new(Shape::flat(2), &layers).unwrap();
//! let mut params = net.init(Init::Glorot, 1);
//! let inputs = SparseMatrix::from_dense(&[0., 0., 0., 1., 1., 0., 1., 1.], 2);
//! let labels = [0, 1, 1, 0];
//! let mut online = Online::new(&net);
//! for _ in 0..500 {
//!     let examples = (&inputs, &labels[..]);
//!     online.train(&net, &mut params, examples, &[0, 1, 2, 3], Loss::SoftmaxCrossEntropy, 0.0, &|_| 0.1);
//! }
//! let mut workspace = net.workspace(1);
//! let p = net.probabilities(&params, Loss::SoftmaxCrossEntropy, Inputs::Sparse(&inputs), &[1], &mut workspace);
//! assert!(p[1] > 0.9);
//! ```

mod aligned;
mod batch;
mod gemm;
mod init;
mod kernel;
mod layer;
mod layers;
mod loss;
mod math;
mod network;
mod online;
mod optim;
mod params;
mod pass;
mod rng;
mod rows;
mod schedule;
mod shape;
mod sparse;
mod weights;
mod workspace;

pub use aligned::padded;
pub use batch::{BatchTrainer, BatchTraining};
pub use init::Init;
pub use kernel::Kernel;
pub use layer::{Layer, MAX_WIDTH};
pub use layers::activation::Activation;
pub use loss::{Loss, Objective};
pub use network::{Network, Transposed};
pub use online::Online;
pub use optim::{Method, Optimizer};
pub use params::Params;
pub use rng::Rng;
pub use schedule::Schedule;
pub use shape::Shape;
pub use sparse::{Inputs, SparseMatrix};
pub use weights::TensorSpec;
pub use workspace::{Workspace, Workspaces};
