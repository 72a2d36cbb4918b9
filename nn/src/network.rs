//! A network: an immutable description.

use std::ops::Range;

use crate::aligned::{Aligned, padded};
use crate::init::Init;
use crate::layer::{Layer, MAX_WIDTH};
use crate::layers::batch_norm::BatchNorm;
use crate::layers::conv2d::Conv2d;
use crate::layers::dense::Dense;
use crate::layers::pool::{Kind, Pool};
use crate::params::Params;
use crate::rng::Rng;
use crate::shape::{Grid, Shape};

/// Most parameters (padding included) that a network may have: 1 GiB of floats.
const MAX_PARAMS: usize = 1 << 28;

/// A chain of layers. It holds no numbers; those are [`Params`].
#[derive(Clone, Debug)]
pub struct Network {
    layers: Vec<Layer>,
    pub(crate) input: Grid,
    pub(crate) placed: Vec<Placed>,
    /// Where the layers' values are kept; a layer that works in place has none of its own.
    pub(crate) buffers: Vec<Grid>,
    /// The weights of all layers come first (they decay in training), then biases, scales and
    /// shifts, then running statistics (which have no gradient).
    pub(crate) weights_len: usize,
    pub(crate) trained_len: usize,
    pub(crate) params_len: usize,
}

/// A layer with its shapes, and the places of its values and parameters among all.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub layer: Layer,
    pub input: Grid,
    pub output: Grid,
    /// The buffer that it reads; `None`: the network's input.
    pub source: Option<usize>,
    /// The buffer that it writes.
    pub buffer: usize,
    pub weight: Range<usize>,
    /// Biases; for batch normalisation scales, then shifts.
    pub bias: Range<usize>,
    /// Running means, then variances.
    pub statistics: Range<usize>,
}

impl Placed {
    /// Floats of a row of its parameters: a value for each output channel, and padding.
    pub fn row(&self) -> usize {
        padded(self.output.shape.channels)
    }

    /// The layer as a convolution, if it is one; a dense layer is one with a single window.
    pub fn conv2d(&self) -> Option<Conv2d> {
        let (kernel, stride, pad) = match self.layer {
            Layer::Conv2d { kernel, stride, pad, .. } => (kernel, stride, pad),
            Layer::Dense { .. } => ((self.input.shape.height, self.input.shape.width), 1, 0),
            _ => return None,
        };
        Some(Conv2d { input: self.input, output: self.output, kernel, stride, pad })
    }

    pub fn dense(&self) -> Option<Dense> {
        let Layer::Dense { outputs } = self.layer else { return None };
        Some(Dense { inputs: self.input.shape.values(), outputs })
    }

    pub fn pool(&self) -> Option<Pool> {
        let Shape { height, width, .. } = self.input.shape;
        let (kind, window) = match self.layer {
            Layer::MaxPool2d { size } => (Kind::Max, (size, size)),
            Layer::AvgPool2d { size } => (Kind::Average, (size, size)),
            Layer::GlobalAvgPool2d => (Kind::Average, (height, width)),
            _ => return None,
        };
        Some(Pool { kind, input: self.input, output: self.output, window })
    }

    pub fn batch_norm(&self) -> Option<BatchNorm> {
        let norm = BatchNorm { input: self.input, output: self.output };
        matches!(self.layer, Layer::BatchNorm).then_some(norm)
    }
}

impl PartialEq for Network {
    fn eq(&self, other: &Self) -> bool {
        self.input.shape == other.input.shape && self.layers == other.layers
    }
}

impl Network {
    /// A network for samples of the shape `input` (1 to 65,536 values).
    ///
    /// # Errors
    /// A sentence, where `layers` is empty, does not begin with a dense layer or a convolution,
    /// has a layer that does not fit the one before it, does not end with a single pixel, or needs
    /// more than 2^28 parameters.
    pub fn new(input: Shape, layers: &[Layer]) -> Result<Self, String> {
        if !(1..=MAX_WIDTH).contains(&input.values()) {
            return Err(format!("a network has 1 to {MAX_WIDTH} inputs, not {}", input.values()));
        }
        if !matches!(layers.first(), Some(Layer::Dense { .. } | Layer::Conv2d { .. })) {
            return Err("a network begins with a dense layer or a convolution".into());
        }
        let input = Grid::of_input(input, frame_for(layers[0]));
        let (mut placed, mut buffers): (Vec<Placed>, Vec<Grid>) = (Vec::new(), Vec::new());
        let (mut grid, mut weights) = (input, 0usize);
        for (l, &layer) in layers.iter().enumerate() {
            let source = buffers.len().checked_sub(1);
            let shape = layer.output(grid.shape)?;
            let output = if l > 0 && layer.in_place(layers[l - 1]) {
                grid
            } else {
                // What reads this is the next layer that does not work in place.
                let next = |l: usize| layers.get(l).copied();
                let reader = match next(l + 1) {
                    Some(activation) if activation.in_place(layer) => next(l + 2),
                    other => other,
                };
                buffers.push(grid_for(layer, grid, shape, reader));
                buffers[buffers.len() - 1]
            };
            let buffer = buffers.len() - 1;
            let nothing = || 0..0;
            let mut p = Placed {
                layer,
                input: grid,
                output,
                source,
                buffer,
                weight: nothing(),
                bias: nothing(),
                statistics: nothing(),
            };
            if let Some(conv) = p.conv2d() {
                let size = conv.inputs() * p.row();
                if weights + size > MAX_PARAMS {
                    return Err(format!(
                        "'{layer}': the network has more than {MAX_PARAMS} parameters"
                    ));
                }
                p.weight = weights..weights + size;
                weights += size;
            }
            placed.push(p);
            grid = output;
        }
        if (grid.shape.height, grid.shape.width) != (1, 1) {
            let Shape { height, width, .. } = grid.shape;
            return Err(format!(
                "a network ends with one pixel, not with {height} x {width}; \
                 add a dense layer or 'global_avg_pool'"
            ));
        }
        let mut end = weights;
        let mut place = |len: usize| {
            end += len;
            end - len..end
        };
        for p in &mut placed {
            match p.layer {
                Layer::Dense { .. } | Layer::Conv2d { .. } => p.bias = place(p.row()),
                Layer::BatchNorm => p.bias = place(2 * p.row()),
                _ => {}
            }
        }
        let trained_len = place(0).end;
        for p in placed.iter_mut().filter(|p| p.layer == Layer::BatchNorm) {
            p.statistics = place(2 * p.row());
        }
        let params_len = place(0).end;
        let layers = layers.to_vec();
        let weights_len = weights;
        Ok(Self { layers, input, placed, buffers, weights_len, trained_len, params_len })
    }

    /// Values a sample.
    pub fn inputs(&self) -> usize {
        self.input.shape.values()
    }

    /// Values that come out for a sample.
    pub fn outputs(&self) -> usize {
        self.output_shape(self.layers.len() - 1).values()
    }

    /// The same network, all of whose dropout layers drop the share `rate`, in [0, 1).
    ///
    /// # Panics
    /// If the rate is out of range.
    pub fn with_dropout(mut self, rate: f32) -> Self {
        assert!((0.0..1.0).contains(&rate), "{rate} of the values cannot be dropped");
        let layers = self.layers.iter_mut().chain(self.placed.iter_mut().map(|p| &mut p.layer));
        for layer in layers.filter(|layer| matches!(layer, Layer::Dropout { .. })) {
            *layer = Layer::Dropout { rate };
        }
        self
    }

    /// The layers, first to last.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The shape of what comes out of layer `l`, counted from 0.
    ///
    /// # Panics
    /// If there is no such layer.
    pub fn output_shape(&self, l: usize) -> Shape {
        self.placed[l].output.shape
    }

    /// Number of weights, biases, scales and shifts.
    pub fn parameter_count(&self) -> usize {
        let count = |p: &Placed| match p.layer {
            Layer::BatchNorm => 2 * p.output.shape.channels,
            _ => p.conv2d().map_or(0, |c| (c.inputs() + 1) * p.output.shape.channels),
        };
        self.placed.iter().map(count).sum()
    }

    /// Whether the network is made of dense layers and activations only.
    pub fn is_dense(&self) -> bool {
        self.layers.iter().all(|l| matches!(l, Layer::Dense { .. } | Layer::Activation(_)))
    }

    /// Fresh parameters, drawn from `seed`.
    pub fn init(&self, init: Init, seed: u64) -> Params {
        let mut params = self.zeros();
        let values = params.values_mut();
        for (l, p) in self.placed.iter().enumerate() {
            let channels = p.output.shape.channels;
            if let Some(conv) = p.conv2d() {
                let mut rng = Rng::new(seed, &[0, l as u64]);
                for row in values[p.weight.clone()].chunks_exact_mut(p.row()) {
                    for w in &mut row[..channels] {
                        *w = init.weight(&mut rng, conv.inputs(), channels);
                    }
                }
                for b in &mut values[p.bias.clone()][..channels] {
                    *b = init.bias(&mut rng);
                }
            }
            if p.layer == Layer::BatchNorm {
                values[p.bias.start..][..channels].fill(1.0);
                values[p.statistics.start + p.row()..][..channels].fill(1.0);
            }
        }
        params
    }

    /// Brings `transposed` up to date with `params`.
    pub fn transpose(&self, params: &Params, transposed: &mut Transposed) {
        let Transposed { frozen, weights } = transposed;
        for (p, t) in self.placed.iter().zip(weights).skip(*frozen + 1) {
            if let Some(conv) = p.conv2d() {
                if t.is_empty() {
                    *t = Aligned::zeros(conv.transposed_len());
                }
                conv.transpose(&params.values()[p.weight.clone()], t);
            }
        }
    }

    /// Room for the transposed weights where the first `frozen` layers are not trained.
    pub fn transposed(&self, frozen: usize) -> Transposed {
        Transposed { frozen, weights: vec![Aligned::zeros(0); self.placed.len()] }
    }

    /// Zeros in the shape of the parameters: gradients, momentum.
    pub fn zeros(&self) -> Params {
        Params::zeros(self.params_len)
    }
}

/// The grid of what a layer that reads `input` puts out for its reader.
fn grid_for(layer: Layer, input: Grid, shape: Shape, reader: Option<Layer>) -> Grid {
    let frame = reader.map_or(0, frame_for);
    let narrow = match (layer, reader) {
        // Pairs of pixels save work where their windows overlap.
        (Layer::Conv2d { kernel, stride, .. }, Some(next)) if next.pools() && stride < kernel.1 => {
            Grid::of_pairs(shape)
        }
        // Half vectors that are pooled stay such where the rows of a window are then taken whole.
        (_, Some(Layer::Conv2d { kernel: (_, 2..), .. })) if layer.pools() && input.in_pairs() => {
            Grid::of_halves(shape, frame)
        }
        _ => None,
    };
    narrow.unwrap_or_else(|| Grid::of(shape, frame))
}

/// The frame that a buffer needs for its reader.
fn frame_for(reader: Layer) -> usize {
    if let Layer::Conv2d { pad, .. } = reader { pad } else { 0 }
}

/// The weights of all layers after the first that is trained, transposed: what the backward pass
/// multiplies with.
pub struct Transposed {
    /// Layers that are used as they are.
    pub(crate) frozen: usize,
    pub(crate) weights: Vec<Aligned>,
}
