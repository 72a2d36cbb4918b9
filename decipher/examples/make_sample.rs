//! Makes the digits embedded in the library: the first 5,000 of MNIST's training set.
//!
//! `cargo run -p decipher --example make_sample -- <folder with MNIST>`

use std::{env, error::Error, fs, io::Write, path::Path};

use decipher::data::{Dataset, load_mnist};
use flate2::{Compression, write::GzEncoder};

const COUNT: usize = 5000;

fn main() -> Result<(), Box<dyn Error>> {
    let dir = env::args_os().nth(1).ok_or("usage: make_sample <folder with MNIST>")?;
    let digits = load_mnist(Path::new(&dir))?.train.range(0..COUNT);
    let side = Dataset::SIDE;
    write("sample-images.idx3-ubyte.gz", &[COUNT, side, side], digits.images())?;
    write("sample-labels.idx1-ubyte.gz", &[COUNT], digits.labels())
}

/// Writes an IDX file of bytes, packed; the same input gives the same file (no name, no time).
fn write(name: &str, dims: &[usize], elements: &[u8]) -> Result<(), Box<dyn Error>> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&[0, 0, 0x08, u8::try_from(dims.len())?])?;
    for &dim in dims {
        packed.write_all(&u32::try_from(dim)?.to_be_bytes())?;
    }
    packed.write_all(elements)?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(name);
    fs::write(&path, packed.finish()?)?;
    println!("{}", path.display());
    Ok(())
}
