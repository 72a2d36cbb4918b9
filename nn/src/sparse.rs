//! Inputs that are mostly zero. Of the 784 pixels of a digit about 150 are not: a dense layer
//! then adds up 150 rows of its weights instead of multiplying 784.

use crate::kernel::Simd;

/// Bytes of a cache line.
const LINE: usize = 64;

/// A matrix that stores only what is not zero, row after row (CSR).
#[derive(Clone, Debug)]
pub struct SparseMatrix {
    columns: usize,
    /// `starts[r]..starts[r + 1]` are the entries of row `r`.
    starts: Vec<u32>,
    /// Column of each entry; always below `columns`, on which unchecked reads rely.
    indices: Vec<u16>,
    /// Value of each entry; empty where all are 1.
    values: Vec<f32>,
}

/// One row of a [`SparseMatrix`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct SparseRow<'a> {
    pub indices: &'a [u16],
    /// Empty where all are 1.
    pub values: &'a [f32],
}

impl SparseMatrix {
    /// The rows of a dense, row-major matrix.
    ///
    /// # Panics
    /// If `dense` is not whole rows of `columns`, or `columns` is 0 or more than 65,536.
    pub fn from_dense(dense: &[f32], columns: usize) -> Self {
        assert!(
            columns > 0 && dense.len().is_multiple_of(columns),
            "{} values are not whole rows of {columns}",
            dense.len()
        );
        Self::from_rows(columns, dense.chunks_exact(columns).map(|row| row.iter().copied()))
    }

    /// A matrix of the given rows. Entries that are exactly 0 are left out; where all others are
    /// 1, no values are stored.
    ///
    /// # Panics
    /// If a row is longer than `columns`, or `columns` is more than 65,536.
    pub fn from_rows<R: IntoIterator<Item = f32>>(
        columns: usize,
        rows: impl IntoIterator<Item = R>,
    ) -> Self {
        assert!(columns <= 1 << 16, "a sparse matrix has at most 65,536 columns, not {columns}");
        let mut matrix = Self { columns, starts: vec![0], indices: vec![], values: vec![] };
        for row in rows {
            for (column, value) in row.into_iter().enumerate().filter(|(_, v)| *v != 0.0) {
                assert!(column < columns, "a row of more than {columns} values");
                if value != 1.0 && matrix.values.is_empty() {
                    matrix.values.resize(matrix.indices.len(), 1.0);
                    matrix.values.push(value);
                } else if !matrix.values.is_empty() {
                    matrix.values.push(value);
                }
                matrix.indices.push(column as u16);
            }
            let end = u32::try_from(matrix.indices.len());
            matrix.starts.push(end.expect("a sparse matrix has fewer than 2^32 entries"));
        }
        matrix
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Fetches into the cache where a row is to be found; [`Self::prefetch`] comes later.
    #[inline(always)]
    pub(crate) fn prefetch_start<S: Simd>(&self, s: S, row: usize) {
        s.prefetch(self.starts.as_ptr().wrapping_add(row).cast());
    }

    /// Fetches a row into the cache, ahead of its use.
    #[inline(always)]
    pub(crate) fn prefetch<S: Simd>(&self, s: S, row: usize) {
        let SparseRow { indices, values } = self.row(row);
        for line in indices.chunks(LINE / size_of::<u16>()) {
            s.prefetch(line.as_ptr().cast());
        }
        for line in values.chunks(LINE / size_of::<f32>()) {
            s.prefetch(line.as_ptr().cast());
        }
    }

    #[inline(always)]
    pub(crate) fn row(&self, row: usize) -> SparseRow<'_> {
        let range = self.starts[row] as usize..self.starts[row + 1] as usize;
        let values = if self.values.is_empty() { &[] } else { &self.values[range.clone()] };
        SparseRow { indices: &self.indices[range], values }
    }
}

/// Rows of input, as many as there are samples.
#[derive(Clone, Copy, Debug)]
pub enum Inputs<'a> {
    /// Row-major, every value present; the number of columns is the network's.
    Dense(&'a [f32]),
    /// Only what is not zero.
    Sparse(&'a SparseMatrix),
}

impl Inputs<'_> {
    /// Number of samples, of `columns` values each.
    pub fn rows(&self, columns: usize) -> usize {
        match self {
            Inputs::Dense(values) => values.len() / columns,
            Inputs::Sparse(matrix) => matrix.rows(),
        }
    }

    /// # Panics
    /// If the rows do not have `columns` columns.
    pub(crate) fn check(&self, columns: usize) {
        match self {
            Inputs::Dense(values) => assert!(
                values.len() % columns == 0,
                "input of {} values is not whole rows of {columns}",
                values.len()
            ),
            Inputs::Sparse(matrix) => assert!(
                matrix.columns == columns,
                "input has {} columns, the network takes {columns}",
                matrix.columns
            ),
        }
    }
}
