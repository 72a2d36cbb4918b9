//! Parameters by name, without padding: what a model file holds.

use crate::layer::Layer;
use crate::network::Network;
use crate::params::Params;

/// A named block of parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// `<layer>.weight` or `<layer>.bias`, for batch normalisation `<layer>.scale`, `.shift`,
    /// `.mean` and `.variance`; layers are counted from 0, activations included.
    pub name: String,
    /// `[inputs, outputs]` for the weight of a dense layer, where inputs stand in the order row,
    /// column, channel; `[height, width, channels, outputs]` for that of a convolution;
    /// `[outputs]` for all others.
    pub shape: Vec<usize>,
    offset: usize,
    stride: usize,
}

impl Network {
    /// All tensors, layer by layer.
    pub fn tensors(&self) -> Vec<TensorSpec> {
        let mut all = Vec::new();
        for (l, p) in self.placed.iter().enumerate() {
            let (row, channels) = (p.row(), p.output.shape.channels);
            let mut tensor = |name: &str, shape: Vec<usize>, offset: usize| {
                all.push(TensorSpec { name: format!("{l}.{name}"), shape, offset, stride: row });
            };
            match p.layer {
                Layer::Dense { .. } => {
                    let inputs = p.input.shape.values();
                    tensor("weight", vec![inputs, channels], p.weight.start);
                    tensor("bias", vec![channels], p.bias.start);
                }
                Layer::Conv2d { kernel: (height, width), .. } => {
                    let shape = vec![height, width, p.input.shape.channels, channels];
                    tensor("weight", shape, p.weight.start);
                    tensor("bias", vec![channels], p.bias.start);
                }
                Layer::BatchNorm => {
                    tensor("scale", vec![channels], p.bias.start);
                    tensor("shift", vec![channels], p.bias.start + row);
                    tensor("mean", vec![channels], p.statistics.start);
                    tensor("variance", vec![channels], p.statistics.start + row);
                }
                _ => {}
            }
        }
        all
    }
}

impl TensorSpec {
    /// The layer it belongs to, from 0, and what it is there: `weight`, `bias`, `scale`, `shift`,
    /// `mean` or `variance`.
    pub fn place(&self) -> (usize, &str) {
        let (layer, what) = self.name.split_once('.').expect("a name is <layer>.<what>");
        (layer.parse().expect("layers are numbered"), what)
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Params {
    /// The values of one tensor, row-major.
    pub fn tensor(&self, spec: &TensorSpec) -> Vec<f32> {
        let width = spec.shape[spec.shape.len() - 1];
        let rows = self.values()[spec.offset..].chunks(spec.stride);
        rows.take(spec.len() / width).flat_map(|row| &row[..width]).copied().collect()
    }

    /// Replaces the values of one tensor.
    ///
    /// # Panics
    /// If `values` has another length than the tensor.
    pub fn set_tensor(&mut self, spec: &TensorSpec, values: &[f32]) {
        assert!(
            values.len() == spec.len(),
            "{}: {} values for shape {:?}",
            spec.name,
            values.len(),
            spec.shape
        );
        let width = spec.shape[spec.shape.len() - 1];
        let rows = self.values_mut()[spec.offset..].chunks_mut(spec.stride);
        for (row, values) in rows.zip(values.chunks_exact(width)) {
            row[..width].copy_from_slice(values);
        }
    }
}
