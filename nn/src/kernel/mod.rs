//! Instruction sets. Every kernel is written once, over [`Simd`]: vectors of 16 floats, held in
//! one, two or many registers. All instruction sets with a fused multiply-add do the same
//! operations in the same order, hence give the same bits.
//!
//! A [`Kernel`] is a proof: it exists only where the machine has the instructions. The pattern
//! (`Task::run` inlined into a function with `#[target_feature]`) is that of the crate `pulp`.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

use std::sync::OnceLock;

/// Floats in a vector, on every machine.
pub const LANES: usize = 16;

/// 1.5 * 2^23: adding it rounds to a whole number, which then stands in the lowest bits.
pub(crate) const ROUND: f32 = 12_582_912.0;

/// Operations on vectors of [`LANES`] floats.
///
/// Every method is `#[inline(always)]`: it becomes the instruction it names only inside
/// [`Kernel::run`].
pub(crate) trait Simd: Copy {
    /// Sixteen floats.
    type V: Copy;
    /// Whether `mul_add` rounds once.
    const FMA: bool;
    /// Whether there is room for some 30 vectors in registers; else for some 7.
    const WIDE: bool;

    fn splat(self, x: f32) -> Self::V;
    /// # Safety
    /// Sixteen floats must be readable at `from`.
    unsafe fn load(self, from: *const f32) -> Self::V;
    /// # Safety
    /// Sixteen floats must be writable at `to`.
    unsafe fn store(self, to: *mut f32, v: Self::V);
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    fn sqrt(self, a: Self::V) -> Self::V;
    /// `a * b + c`.
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// In each lane `a` where `x` is above 0, else `b`.
    fn where_positive(self, x: Self::V, a: Self::V, b: Self::V) -> Self::V;
    /// The larger of `a` and `b` in each lane; `b` where one is not a number.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// The smaller of `a` and `b` in each lane; `b` where one is not a number.
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    /// 2^n of each lane, given n + [`ROUND`]; n is a whole number in [-126, 127].
    fn power_of_two(self, shifted: Self::V) -> Self::V;
    /// The sum of the lanes, in the order of [`tree_sum`].
    fn sum(self, v: Self::V) -> f32;
    /// A bit for each lane that is not 0, the first lowest.
    fn not_zero(self, v: Self::V) -> u16;
    /// The largest lane.
    fn largest(self, v: Self::V) -> f32;
    /// Lane `i` of the result is the sum of the lanes of `v[i]`, in the order of [`tree_sum`].
    fn sum_each(self, v: [Self::V; LANES]) -> Self::V;

    /// The sum of four vectors that were summed up apart, since an addition waits for the one
    /// before it.
    #[inline(always)]
    fn total(self, v: [Self::V; 4]) -> Self::V {
        self.add(self.add(v[0], v[1]), self.add(v[2], v[3]))
    }

    /// Asks for the cache line at `at`; where that cannot be asked, nothing happens. Any address
    /// is allowed.
    #[inline(always)]
    fn prefetch(self, at: *const u8) {
        let _ = at;
    }

    /// The vector in `from`.
    #[inline(always)]
    fn get(self, from: &[f32; LANES]) -> Self::V {
        // SAFETY: sixteen floats are behind the reference.
        unsafe { self.load(from.as_ptr()) }
    }
    /// Writes a vector to `to`.
    #[inline(always)]
    fn put(self, to: &mut [f32; LANES], v: Self::V) {
        // SAFETY: sixteen floats are behind the reference.
        unsafe { self.store(to.as_mut_ptr(), v) }
    }

    /// `a * b + c` of single floats, rounded as `mul_add` rounds.
    #[inline(always)]
    fn mul_add_1(self, a: f32, b: f32, c: f32) -> f32 {
        if Self::FMA { a.mul_add(b, c) } else { a * b + c }
    }
}

/// The sum of sixteen lanes in the one order that all instruction sets use: inside quarters
/// (0 + 2) + (1 + 3), then the quarters likewise in neighbouring pairs.
#[inline(always)]
pub(crate) fn tree_sum(v: [f32; LANES]) -> f32 {
    let quarter = |q: usize| (v[q] + v[q + 2]) + (v[q + 1] + v[q + 3]);
    (quarter(0) + quarter(4)) + (quarter(8) + quarter(12))
}

/// A slice of whole vectors.
///
/// # Panics
/// If `values` does not end with a vector.
#[inline(always)]
pub(crate) fn vectors(values: &[f32]) -> &[[f32; LANES]] {
    let (vectors, rest) = values.as_chunks();
    assert!(rest.is_empty(), "{} values are not whole vectors", values.len());
    vectors
}

/// As [`vectors`], to be changed.
#[inline(always)]
pub(crate) fn vectors_mut(values: &mut [f32]) -> &mut [[f32; LANES]] {
    let (vectors, rest) = values.as_chunks_mut();
    assert!(rest.is_empty(), "values are not whole vectors");
    vectors
}

/// The vector that begins at `at`.
///
/// # Panics
/// If `values` ends before it does.
#[inline(always)]
pub(crate) fn lanes(values: &[f32], at: usize) -> &[f32; LANES] {
    values[at..][..LANES].first_chunk().expect("there are sixteen")
}

/// As [`lanes`], to be changed.
#[inline(always)]
pub(crate) fn lanes_mut(values: &mut [f32], at: usize) -> &mut [f32; LANES] {
    values[at..][..LANES].first_chunk_mut().expect("there are sixteen")
}

/// Work that can be done with any instruction set.
pub(crate) trait Task {
    type Output;
    /// Must be `#[inline(always)]`, and so must everything hot that it calls.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// An instruction set that this machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// AVX-512F: a vector is one register.
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Avx512),
    /// AVX2 and FMA: a vector is two registers.
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Avx2),
    /// Whatever the compiler makes of plain loops.
    Portable(portable::Portable),
}

impl Kernel {
    /// All kernels of this machine, the fastest first.
    pub fn available() -> Vec<Kernel> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            all.extend(avx512::Avx512::new().map(Kernel::Avx512));
            all.extend(avx2::Avx2::new().map(Kernel::Avx2));
        }
        all.push(Kernel::Portable(portable::Portable));
        all
    }

    /// `avx512`, `avx2` or `scalar`.
    pub fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512(_) => "avx512",
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2(_) => "avx2",
            Kernel::Portable(_) => "scalar",
        }
    }

    /// The kernel called `name`, or a sentence that says why not.
    pub fn named(name: &str) -> Result<Kernel, String> {
        Kernel::available().into_iter().find(|k| k.name() == name).ok_or_else(|| {
            let names: Vec<_> = Kernel::available().iter().map(|k| k.name()).collect();
            format!("no kernel '{name}' on this machine; it has {}", names.join(", "))
        })
    }

    /// The kernel that everything uses: the one that the environment variable `DECIPHER_KERNEL`
    /// names, else the fastest.
    ///
    /// # Panics
    /// If the variable names a kernel that this machine lacks: a test that was to run with it
    /// must not pass without it.
    pub fn chosen() -> Kernel {
        static CHOSEN: OnceLock<Kernel> = OnceLock::new();
        *CHOSEN.get_or_init(|| match std::env::var("DECIPHER_KERNEL") {
            Ok(name) => Kernel::named(&name).unwrap_or_else(|e| panic!("DECIPHER_KERNEL: {e}")),
            Err(_) => Kernel::available()[0],
        })
    }

    /// Does `task` with this instruction set.
    #[inline]
    pub(crate) fn run<T: Task>(self, task: T) -> T::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512(simd) => avx512::run(simd, task),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2(simd) => avx2::run(simd, task),
            Kernel::Portable(simd) => task.run(simd),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Not 0 are those at 1, 2, 3, 5, 9, 11, 12 and 15.
    const ZERO_OR_NOT: [f32; LANES] = [
        0.0,
        1.0,
        -1.0,
        f32::NAN,
        -0.0,
        1e-40,
        0.0,
        -0.0,
        0.0,
        -1e-40,
        0.0,
        2.0,
        f32::INFINITY,
        0.0,
        0.0,
        7.0,
    ];

    struct Everything<'a>(&'a [f32; 256]);

    impl Task for Everything<'_> {
        type Output = Vec<[f32; LANES]>;

        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> Self::Output {
            // SAFETY: each load reads 16 of the 256 floats, each store fills 16.
            unsafe {
                let v: [S::V; LANES] = std::array::from_fn(|i| s.load(self.0.as_ptr().add(16 * i)));
                [
                    s.splat(self.0[3]),
                    s.add(v[0], v[1]),
                    s.mul(v[2], v[3]),
                    s.mul_add(v[4], v[5], v[6]),
                    s.sum_each(v),
                    s.sub(v[0], v[1]),
                    s.div(v[0], v[1]),
                    s.max(v[0], v[1]),
                    s.min(v[0], v[1]),
                    s.where_positive(v[0], v[1], v[2]),
                    s.splat(s.sum(v[5])),
                    s.splat(s.largest(v[6])),
                    s.sqrt(s.mul(v[0], v[0])),
                    s.power_of_two(s.splat(ROUND - 126.0)),
                    s.power_of_two(s.splat(ROUND + 3.0)),
                    s.splat(f32::from(s.not_zero(s.get(&ZERO_OR_NOT)))),
                ]
                .map(|v| {
                    let mut out = [f32::NAN; LANES];
                    s.store(out.as_mut_ptr(), v);
                    out
                })
                .to_vec()
            }
        }
    }

    #[test]
    fn every_kernel_does_the_plain_arithmetic() {
        let mut rng = crate::rng::Rng::new(7, &[]);
        let x: [f32; 256] = std::array::from_fn(|_| rng.uniform() * 2.0 - 1.0);
        let row = |i: usize| -> [f32; LANES] { x[16 * i..][..16].try_into().unwrap() };
        for kernel in Kernel::available() {
            let got = kernel.run(Everything(&x));
            assert_eq!(got[0], [x[3]; LANES], "{}", kernel.name());
            let exact = |f: &dyn Fn(usize) -> f32| -> [f32; LANES] { std::array::from_fn(f) };
            assert_eq!(got[1], exact(&|i| row(0)[i] + row(1)[i]), "{}", kernel.name());
            assert_eq!(got[2], exact(&|i| row(2)[i] * row(3)[i]), "{}", kernel.name());
            let fused = exact(&|i| row(4)[i].mul_add(row(5)[i], row(6)[i]));
            let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-6;
            assert!(got[3].iter().zip(&fused).all(near), "{}", kernel.name());
            assert_eq!(got[4], exact(&|i| tree_sum(row(i))), "{}", kernel.name());
            let (a, b, c) = (row(0), row(1), row(2));
            assert_eq!(got[5], exact(&|i| a[i] - b[i]), "{}", kernel.name());
            assert_eq!(got[6], exact(&|i| a[i] / b[i]), "{}", kernel.name());
            assert_eq!(got[7], exact(&|i| a[i].max(b[i])), "{}", kernel.name());
            assert_eq!(got[8], exact(&|i| a[i].min(b[i])), "{}", kernel.name());
            let chosen = exact(&|i| if a[i] > 0.0 { b[i] } else { c[i] });
            assert_eq!(got[9], chosen, "{}", kernel.name());
            assert_eq!(got[10], [tree_sum(row(5)); LANES], "{}", kernel.name());
            let largest = row(6).into_iter().fold(-1.0, f32::max);
            assert_eq!(got[11], [largest; LANES], "{}", kernel.name());
            assert_eq!(got[12], exact(&|i| (a[i] * a[i]).sqrt()), "{}", kernel.name());
            assert_eq!(got[13], [f32::MIN_POSITIVE; LANES], "{}", kernel.name());
            assert_eq!(got[14], [8.0; LANES], "{}", kernel.name());
            assert_eq!(got[15], [f32::from(0x9a2e_u16); LANES], "{}", kernel.name());
        }
    }

    #[test]
    fn an_unknown_kernel_is_named_in_the_error() {
        assert!(Kernel::named("mmx").unwrap_err().contains("'mmx'"));
    }
}
