//! IDX, the format of MNIST: two zeros, the element type, the number of dimensions, each dimension
//! as a big-endian u32, then the elements. Files usually come packed with gzip.

use std::io::{self, Read};

use flate2::bufread::GzDecoder;

use super::{DataError, Dataset};

/// The element type "unsigned byte", the only one MNIST uses.
const BYTES: u8 = 0x08;
/// The longest possible header: 4 bytes, and 4 for each of at most 255 dimensions.
const LONGEST_HEADER: usize = 4 + 4 * 255;
/// No file is unpacked beyond this: 1 GiB is 1.3 million digits, more than any such set has.
const LARGEST: usize = 1 << 30;

/// Reads pictures and labels from two IDX files, plain or packed with gzip.
///
/// The pictures are `(n, 28, 28)` bytes, 0 = paper and 255 = ink; the labels `(n,)` bytes, 0..=9.
/// Memory beyond the input is only taken for bytes that are really there, at most 1 GiB a file.
///
/// # Errors
/// [`DataError::Format`] if a file is cut, damaged, too long or of another kind, or if the two do
/// not belong together.
pub fn read_idx(images: Vec<u8>, labels: Vec<u8>) -> Result<Dataset, DataError> {
    read_named(("images", images), ("labels", labels))
}

/// [`read_idx`], with a name for each file to be used in errors.
pub(super) fn read_named(
    (images_name, images): (&str, Vec<u8>),
    (labels_name, labels): (&str, Vec<u8>),
) -> Result<Dataset, DataError> {
    let (dims, images) = parse(images_name, unpack(images_name, images)?)?;
    let side = Dataset::SIDE;
    if !matches!(dims[..], [_, height, width] if (height, width) == (side, side)) {
        let problem = format!("the dimensions are {dims:?}, not [n, {side}, {side}]");
        return Err(DataError::broken(images_name, 4, problem));
    }
    let (label_dims, labels) = parse(labels_name, unpack(labels_name, labels)?)?;
    if label_dims != dims[..1] {
        let problem = format!("the dimensions are {label_dims:?}, not [{}]", dims[0]);
        return Err(DataError::broken(labels_name, 4, problem));
    }
    if let Some(i) = labels.iter().position(|&label| label > 9) {
        return Err(DataError::broken(labels_name, 8 + i, format!("label {}", labels[i])));
    }
    Dataset::new(images, labels)
}

/// The IDX file inside `bytes`, which may be packed with gzip.
///
/// Unpacks only as much as the header inside promises, and one byte to notice if there is more.
fn unpack(what: &str, bytes: Vec<u8>) -> Result<Vec<u8>, DataError> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    let mut decoder = GzDecoder::new(&bytes[..]);
    let mut plain = Vec::new();
    let mut size = 0;
    let mut read = fill(&mut plain, &mut decoder, LONGEST_HEADER);
    if read.is_ok() {
        size = header(what, &plain)?.1;
        read = fill(&mut plain, &mut decoder, size + 1);
    }
    let left = decoder.get_ref().len();
    let problem = match read {
        Err(error) => format!("cannot be unpacked: {error}"),
        Ok(_) if plain.len() == size && left > 0 => {
            format!("{left} bytes after the end of the gzip data")
        }
        Ok(_) => return Ok(plain),
    };
    Err(DataError::broken(what, bytes.len() - left, problem))
}

/// Reads until `bytes` has `length` of them or the source ends.
fn fill(bytes: &mut Vec<u8>, source: &mut impl Read, length: usize) -> io::Result<usize> {
    source.take(length.saturating_sub(bytes.len()) as u64).read_to_end(bytes)
}

/// Dimensions and elements of an IDX file of bytes; every byte of the file is accounted for.
fn parse(what: &str, mut file: Vec<u8>) -> Result<(Vec<usize>, Vec<u8>), DataError> {
    let (dims, size) = header(what, &file)?;
    if file.len() != size {
        let problem = match file.len() < size {
            true => format!("the file ends, but {dims:?} elements need {size} bytes"),
            false => format!("the file goes on after its {dims:?} elements"),
        };
        return Err(DataError::broken(what, file.len().min(size), problem));
    }
    file.drain(..4 + 4 * dims.len());
    Ok((dims, file))
}

/// The dimensions a file claims to have, and the bytes it must then have, header included.
fn header(what: &str, file: &[u8]) -> Result<(Vec<usize>, usize), DataError> {
    let broken = |at, problem: String| Err(DataError::broken(what, at, problem));
    let &[zero0, zero1, element, rank, ref rest @ ..] = file else {
        return broken(file.len(), "the file ends within its header".into());
    };
    if (zero0, zero1) != (0, 0) || rank == 0 {
        return broken(0, "no IDX file".into());
    }
    if element != BYTES {
        return broken(2, format!("the element type is {element:#04x}, not {BYTES:#04x} (byte)"));
    }
    let Some(dims) = rest.get(..4 * usize::from(rank)) else {
        return broken(file.len(), "the file ends within its header".into());
    };
    let dims: Vec<usize> = dims
        .chunks_exact(4)
        .map(|dim| u32::from_be_bytes(dim.try_into().expect("chunks of four")) as usize)
        .collect();
    let size = dims
        .iter()
        .try_fold(1, |size: usize, &dim| size.checked_mul(dim))
        .and_then(|size| size.checked_add(4 + 4 * dims.len()))
        .filter(|&size| size <= LARGEST);
    match size {
        Some(size) => Ok((dims, size)),
        None => broken(4, format!("{dims:?} elements are more than {LARGEST} bytes")),
    }
}

#[cfg(test)]
pub(super) mod tests;
