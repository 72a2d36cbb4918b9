//! Where a convolution's windows are, and which of them are blank.

use super::conv2d::Conv2d;
use crate::kernel::{LANES, Simd, lanes};

/// Where windows begin in the input, and what comes of each in the output, row by row.
#[derive(Clone)]
pub(crate) struct Windows {
    starts: Vec<u32>,
    outputs: Vec<u32>,
    /// Windows of a sample, and of a row.
    sample: usize,
    row: usize,
}

impl Windows {
    /// All windows of `samples` samples.
    pub fn new(conv: &Conv2d, samples: usize) -> Self {
        // Rows of the frame count, too.
        let before = conv.input.frame - conv.pad;
        let all = (0..conv.output.shape.height).map(|y| [before + y * conv.stride, y]);
        Self::of_rows(conv, &all.collect::<Vec<_>>(), samples)
    }

    /// For each pair of rows, one of the input with its frame and one of the output, that row of windows: where
    /// it is in that row of the input, and what comes of it.
    pub fn of_rows(conv: &Conv2d, rows: &[[usize; 2]], samples: usize) -> Self {
        let (input, output) = (conv.input, conv.output);
        let (before, row) = (input.frame - conv.pad, output.shape.width);
        let (mut starts, mut outputs) = (Vec::new(), Vec::new());
        for (b, [from, to]) in (0..samples).flat_map(|b| rows.iter().map(move |rows| (b, rows))) {
            for x in 0..row {
                let column = (before + x * conv.stride) * input.pitch;
                starts.push((b * input.sample() + from * input.row() + column) as u32);
                outputs.push((b * output.sample() + output.at(*to, x)) as u32);
            }
        }
        Self { starts, outputs, sample: rows.len() * row, row }
    }

    /// Of each row the windows `first`, `first + step`, ...
    pub fn every(&self, step: usize, first: usize) -> Self {
        let some = |list: &[u32]| -> Vec<u32> {
            let rows = list.chunks_exact(self.row);
            rows.flat_map(|row| row.iter().copied().skip(first).step_by(step)).collect()
        };
        let row = (self.row - first).div_ceil(step);
        let sample = self.sample / self.row * row;
        Self { starts: some(&self.starts), outputs: some(&self.outputs), sample, row }
    }

    /// Samples whose windows these are.
    pub fn samples(&self) -> usize {
        self.starts.len() / self.sample
    }

    /// Those of the first `samples` samples: where they begin, and what comes of them.
    pub fn of(&self, samples: usize) -> [&[u32]; 2] {
        [&self.starts, &self.outputs].map(|list| &list[..samples * self.sample])
    }
}

/// The windows of a pass in which anything is not 0. Of a picture of a digit more than half are blank: what
/// comes of those, by finite weights, is the bias, and they change no weight.
#[derive(Clone)]
pub(crate) struct Inked {
    starts: Vec<u32>,
    outputs: Vec<u32>,
    /// Pixels of a row that a window spans.
    span: usize,
    /// A bit for each pixel of a row at which a window begins, and what comes of it, from the first on.
    begins: u64,
    outputs_of: [u32; ROW],
    /// A row of pixels of a sample each, a bit for each that is not 0.
    rows: Vec<u64>,
}

/// Most pixels of a row.
const ROW: usize = u64::BITS as usize;

impl Inked {
    /// For `windows`, each of which spans `span` pixels of a row; `None` unless there are several, in pictures of
    /// one channel whose rows have up to 64 pixels, their frame included.
    pub fn new(conv: &Conv2d, windows: &Windows, span: usize) -> Option<Self> {
        let several = conv.output.shape.height * conv.output.shape.width > 1;
        if !(several && conv.input.pitch == 1 && conv.input.row() <= ROW) {
            return None;
        }
        let (mut begins, mut outputs_of) = (0, [0; ROW]);
        let top = (conv.input.frame - conv.pad) * conv.input.row();
        for (start, output) in windows.starts.iter().zip(&windows.outputs).take(windows.row) {
            let x = *start as usize - top;
            begins |= 1 << x;
            outputs_of[x] = output - windows.outputs[0];
        }
        let list = || Vec::with_capacity(windows.starts.len());
        let rows = Vec::with_capacity(conv.input.shape.height + 2 * conv.input.frame);
        Some(Self { starts: list(), outputs: list(), span, begins, outputs_of, rows })
    }

    /// Looks for them in the first `samples` samples of `input`, of the convolution and the windows that
    /// this was made for.
    #[inline(always)]
    pub fn find<S: Simd>(
        &mut self,
        s: S,
        conv: &Conv2d,
        windows: &Windows,
        samples: usize,
        input: &[f32],
    ) {
        let Self { starts, outputs, span, begins, outputs_of, rows } = self;
        let (grid, width) = (conv.input, conv.input.row());
        starts.clear();
        outputs.clear();
        let mut lines = windows.outputs.iter().step_by(windows.row);
        for (b, sample) in input.chunks_exact(grid.sample()).take(samples).enumerate() {
            rows.clear();
            for y in 0..grid.shape.height + 2 * grid.frame {
                let mut row = 0;
                for first in (0..width).step_by(LANES) {
                    let values = s.get(lanes(sample, y * width + first));
                    row |= u64::from(s.not_zero(values)) << first;
                }
                // The last vector reaches beyond the row.
                rows.push(row << (ROW - width) >> (ROW - width));
            }
            for (y, output) in (0..conv.output.shape.height).zip(&mut lines) {
                let top = y * conv.stride + grid.frame - conv.pad;
                let ink = rows[top..top + conv.kernel.0].iter().fold(0, |all, row| all | row);
                let near = (0..*span).fold(0, |near, x| near | ink >> x);
                let start = b * grid.sample() + top * width;
                let mut left = near & *begins;
                while left != 0 {
                    let x = left.trailing_zeros();
                    starts.push(start as u32 + x);
                    outputs.push(output + outputs_of[x as usize]);
                    left &= left - 1;
                }
            }
        }
    }

    /// As [`Windows::of`].
    pub fn windows(&self) -> [&[u32]; 2] {
        [&self.starts, &self.outputs]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Task};
    use crate::rng::Rng;
    use crate::shape::{Grid, Shape};

    struct Find<'a>(&'a mut Inked, &'a Conv2d, &'a Windows, usize, &'a [f32]);

    impl Task for Find<'_> {
        type Output = ();

        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            let Self(inked, conv, windows, samples, input) = self;
            inked.find(s, conv, windows, samples, input);
        }
    }

    #[test]
    fn those_with_ink_are_found_in_rows_of_any_length() {
        let mut rng = Rng::new(4, &[]);
        for width in (1..=66_usize).chain([64; 10]) {
            let mut below = |n: u32| rng.below(n) as usize;
            let kernel = (1 + below(3), 1 + below(width.min(6) as u32));
            let pad = below(kernel.0.min(kernel.1) as u32);
            let stride = 1 + below(3);
            // With its frame the row has `width` pixels.
            let inner = width.saturating_sub(2 * pad).max(1);
            let shape = Shape { height: 4 + below(4), width: inner, channels: 1 };
            let Some((height, across)) = Conv2d::output_size(shape, kernel, stride, pad) else {
                continue;
            };
            let input = Grid::of_input(shape, pad);
            let output = Grid::of(Shape { height, width: across, channels: 3 }, 0);
            let conv = Conv2d { input, output, kernel, stride, pad };
            for step in [1, 2] {
                let span = kernel.1 + (step - 1) * stride;
                if across % step != 0 || height * across == 1 {
                    continue;
                }
                let windows = Windows::new(&conv, 3).every(step, 0);
                let Some(mut inked) = Inked::new(&conv, &windows, span) else {
                    assert!(input.row() > 64, "{}", input.row());
                    continue;
                };
                // Full, with ink here and there, and blank, one after the other in the same memory.
                for (samples, blank) in [(3, 0), (3, 20), (2, 20), (3, u32::MAX)] {
                    let mut ink = || match blank {
                        0 => 1.0,
                        u32::MAX => 0.0,
                        _ => f32::from(rng.below(blank) == 0),
                    };
                    let values: Vec<f32> = (0..3 * shape.values()).map(|_| ink()).collect();
                    let memory = input.filled(3, &values);
                    let [starts, outputs] = windows.of(samples);
                    let has_ink = |start: u32| {
                        let row = |y| start as usize + y * input.row();
                        (0..kernel.0).any(|y| memory[row(y)..][..span].iter().any(|&v| v != 0.0))
                    };
                    let expected: (Vec<u32>, Vec<u32>) =
                        starts.iter().zip(outputs).filter(|(start, _)| has_ink(**start)).unzip();
                    for kernels in Kernel::available() {
                        kernels.run(Find(&mut inked, &conv, &windows, samples, &memory));
                        let [starts, outputs] = inked.windows();
                        assert!(starts == expected.0 && outputs == expected.1, "{conv:?}");
                    }
                }
            }
        }
    }
}
