//! Parameters by name, without padding: what a model file holds.

use crate::network::{Network, Params};

/// A named block of parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// `<layer>.weight` or `<layer>.bias`, layers counted from 0, activations included.
    pub name: String,
    /// `[inputs, outputs]` for a weight, `[outputs]` for a bias.
    pub shape: Vec<usize>,
    offset: usize,
    stride: usize,
}

impl Network {
    /// All tensors, layer by layer.
    pub fn tensors(&self) -> Vec<TensorSpec> {
        let mut all = Vec::new();
        for (l, p) in self.placed.iter().enumerate() {
            let Some(dense) = p.dense() else { continue };
            let stride = dense.stride();
            all.push(TensorSpec {
                name: format!("{l}.weight"),
                shape: vec![dense.inputs, dense.outputs],
                offset: p.weight.start,
                stride,
            });
            all.push(TensorSpec {
                name: format!("{l}.bias"),
                shape: vec![dense.outputs],
                offset: p.bias.start,
                stride,
            });
        }
        all
    }
}

impl TensorSpec {
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
