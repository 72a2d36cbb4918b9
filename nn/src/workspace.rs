//! The memory that a pass needs, and how many samples it has room for.

use std::sync::Mutex;

use crate::aligned::{Aligned, padded};
use crate::kernel::{Kernel, Simd, Task};
use crate::layer::Layer;
use crate::layers::conv2d::Places;
use crate::network::{Network, Placed};
use crate::params::Params;
use crate::shape::Grid;
use crate::sparse::Inputs;

/// Of one network: every layer's values and their derivatives, for the samples of a pass; the outputs for
/// all samples; and what convolutions make of the weights, which is kept for as long as these stay the same.
/// Nothing in a pass allocates.
pub struct Workspace {
    /// Most samples of a pass.
    pub(crate) samples: usize,
    /// As many go through its [light](Network::light) layers at a time.
    pub(crate) few: usize,
    pub(crate) outputs: Aligned,
    /// The samples side by side, where the first layer cannot read them where they are.
    pub(crate) input: Aligned,
    /// Where each value of a sample lies there.
    input_at: Vec<u32>,
    pub(crate) values: Vec<Aligned>,
    pub(crate) d_values: Vec<Aligned>,
    /// By layer: what convolutions go by.
    pub(crate) places: Vec<Option<Places>>,
    /// The [version](Params::version) of the parameters that these are prepared for; 0: none.
    version: u64,
    /// By layer: means and variances of this pass.
    pub(crate) statistics: Vec<Aligned>,
}

/// Workspaces of one network, for whatever thread asks; the one used last is used again first.
#[derive(Default)]
pub struct Workspaces(Mutex<Vec<Workspace>>);

impl Workspaces {
    /// Does `work` in a workspace for up to `samples` samples of `net`, which must be the same at
    /// each call.
    pub fn with<R>(
        &self,
        net: &Network,
        samples: usize,
        work: impl FnOnce(&mut Workspace) -> R,
    ) -> R {
        let fits = |w: &Workspace| samples * padded(net.outputs()) <= w.outputs.len();
        self.with_such(fits, || net.workspace(samples), work)
    }

    /// Does `work` in a workspace that `fits`, or else in a new one.
    pub(crate) fn with_such<R>(
        &self,
        fits: impl FnOnce(&Workspace) -> bool,
        new: impl FnOnce() -> Workspace,
        work: impl FnOnce(&mut Workspace) -> R,
    ) -> R {
        let spare = self.0.lock().expect("nothing panics under the lock").pop();
        let mut workspace = spare.filter(fits).unwrap_or_else(new);
        let result = work(&mut workspace);
        self.0.lock().expect("nothing panics under the lock").push(workspace);
        result
    }
}

impl Workspace {
    /// Makes ready for `params`.
    pub(crate) fn prepare(&mut self, net: &Network, params: &Params) {
        if self.version != params.version() {
            assert!(params.values().len() == net.params_len, "parameters of another network");
            assert!(self.places.len() == net.placed.len(), "a workspace of another network");
            self.version = 0;
            Kernel::chosen().run(Prepare(net, params, &mut self.places));
            self.version = params.version();
        }
    }

    /// Makes room for the derivatives. Backward, the values of all layers are needed.
    pub(crate) fn make_room_for_derivatives(&mut self, net: &Network) {
        let samples = self.samples;
        if self.few < samples {
            let outputs = std::mem::replace(&mut self.outputs, Aligned::zeros(0));
            *self = Self { outputs, ..net.pass_workspace(samples) };
        }
        if self.d_values.is_empty() {
            let zeros = |g: &Grid| Aligned::zeros(samples * g.sample());
            self.d_values = net.buffers.iter().map(zeros).collect();
        }
    }

    /// Makes ready for the samples `rows` of `inputs`: they lie side by side where the first layer
    /// cannot read them where they are.
    pub(crate) fn gather(&mut self, net: &Network, inputs: Inputs, rows: &[u32]) {
        let samples = rows.len();
        assert!(samples <= self.few, "{samples} samples in a pass of {}", self.few);
        inputs.check(net.inputs());
        if reads_sparse(net, inputs) {
            return;
        }
        let grid = net.input;
        let line = grid.shape.width * grid.shape.channels;
        if self.input.is_empty() {
            self.input = Aligned::zeros(self.few * grid.sample());
            let channels = |at| (0..grid.shape.channels as u32).map(move |channel| at + channel);
            self.input_at = grid.pixels(1).into_iter().flat_map(channels).collect();
        }
        let at = |index: u16| self.input_at[usize::from(index)] as usize;
        for (to, &row) in self.input.chunks_exact_mut(grid.sample()).zip(rows) {
            match inputs {
                Inputs::Dense(values) => {
                    let sample = &values[row as usize * net.inputs()..][..net.inputs()];
                    for (y, from) in sample.chunks_exact(line).enumerate() {
                        to[grid.at(y, 0)..][..line].copy_from_slice(from);
                    }
                }
                Inputs::Sparse(matrix) => {
                    to.fill(0.0);
                    let row = matrix.row(row as usize);
                    if row.values.is_empty() {
                        row.indices.iter().for_each(|&index| to[at(index)] = 1.0);
                    }
                    let row = row.indices.iter().zip(row.values);
                    row.for_each(|(&index, &value)| to[at(index)] = value);
                }
            }
        }
    }
}

/// Brings what convolutions make of the weights up to date.
struct Prepare<'a>(&'a Network, &'a Params, &'a mut [Option<Places>]);

impl Task for Prepare<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self(net, params, places) = self;
        for (p, places) in net.placed.iter().zip(places) {
            if let (Some(conv), Some(places)) = (p.conv2d(), places) {
                conv.prepare(s, &params.values()[p.weight.clone()], places);
            }
        }
    }
}

/// Whether the first layer takes the rows of a sparse matrix as they are.
pub(crate) fn reads_sparse(net: &Network, inputs: Inputs) -> bool {
    matches!((inputs, net.layers()[0]), (Inputs::Sparse(_), Layer::Dense { .. }))
}

/// Most samples that go through a network at a time.
pub(crate) const PASS: usize = 32;
/// What a core keeps close: the second cache, in bytes.
const CACHE: usize = 1 << 20;

impl Network {
    /// Samples that go through the network at a time in training: more than are
    /// [close](Self::close) where it normalises over the samples of a pass.
    pub(crate) fn pass(&self) -> usize {
        if self.layers().contains(&Layer::BatchNorm) { PASS } else { self.close() }
    }

    /// As many samples as keep their values and derivatives in cache; more where the parameters,
    /// which every pass reads and whose gradients it changes, are larger than that.
    fn close(&self) -> usize {
        let values = size_of::<f32>() * self.buffers.iter().map(Grid::sample).sum::<usize>();
        let parameters = size_of::<f32>() * self.params_len;
        let samples = (CACHE / (2 * values)).max(parameters / values);
        samples.next_power_of_two().clamp(8, PASS)
    }

    /// Layers before the first that has more weights than values. [Few](Self::few) samples at a time go
    /// through these, so that their values stay in cache, and [many](Self::many) through the rest, so that
    /// its weights do.
    pub(crate) fn light(&self) -> usize {
        let heavy = |p: &Placed| p.weight.len() > p.input.sample() + p.output.sample();
        self.placed.iter().position(heavy).unwrap_or(self.placed.len())
    }

    /// The buffer that the light layers end in.
    pub(crate) fn kept(&self) -> usize {
        self.placed[..self.light()].last().map_or(0, |p| p.buffer)
    }

    /// As many samples as keep the values of all light layers in half of the cache.
    fn few(&self) -> usize {
        let values: usize = self.buffers[..self.kept()].iter().map(Grid::sample).sum();
        CACHE / (2 * size_of::<f32>() * values.max(1))
    }

    /// As many samples, 8 to [`PASS`], as keep what each of the other layers reads and writes in cache; more
    /// where a layer has more weights than that.
    fn many(&self) -> usize {
        let fits = |p: &Placed| {
            let values = p.input.sample() + p.output.sample();
            (CACHE / size_of::<f32>()).max(p.weight.len()) / values
        };
        let most = self.placed[self.light()..].iter().map(fits).min().unwrap_or(PASS);
        // A power of two parts most batches evenly.
        1 << most.clamp(8, PASS).ilog2()
    }

    /// Memory for up to `samples` samples at a time.
    pub fn workspace(&self, samples: usize) -> Workspace {
        let most = if self.light() == 0 { self.close() } else { self.many() };
        let passed = samples.clamp(1, most);
        let outputs = Aligned::zeros(samples * padded(self.outputs()));
        Workspace { outputs, ..self.memory(passed, self.few().clamp(1, passed)) }
    }

    /// Memory for passes over up to `samples` samples, without outputs of their own.
    pub(crate) fn pass_workspace(&self, samples: usize) -> Workspace {
        self.memory(samples, samples)
    }

    /// Memory for passes over `samples` samples, of which `few` go through the light layers at a time.
    fn memory(&self, samples: usize, few: usize) -> Workspace {
        let (light, kept) = (self.light(), self.kept());
        let few = if light == 0 { samples } else { few };
        let buffer = |(b, grid): (usize, &Grid)| {
            Aligned::zeros(if b < kept { few } else { samples } * grid.sample())
        };
        let places = |(l, p): (usize, &Placed)| {
            p.conv2d().map(|conv| {
                let mut places = conv.places(if l < light { few } else { samples });
                if l == 0 {
                    conv.look_for_blanks(&mut places);
                }
                places
            })
        };
        Workspace {
            samples,
            few,
            outputs: Aligned::zeros(0),
            input: Aligned::zeros(0),
            input_at: Vec::new(),
            values: self.buffers.iter().enumerate().map(buffer).collect(),
            d_values: Vec::new(),
            places: self.placed.iter().enumerate().map(places).collect(),
            version: 0,
            statistics: self.placed.iter().map(|p| Aligned::zeros(p.statistics.len())).collect(),
        }
    }
}
