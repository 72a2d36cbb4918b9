//! Hostile input for the IDX reader: nothing may panic, and only whole files may be read.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;

use super::*;

/// An IDX file of bytes.
pub(crate) fn idx(dims: &[usize], elements: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, BYTES, dims.len() as u8];
    file.extend(dims.iter().flat_map(|&dim| (dim as u32).to_be_bytes()));
    file.extend(elements);
    file
}

/// `bytes` packed with gzip.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Two digits, not all of one grey value.
fn two() -> (Vec<u8>, Vec<u8>) {
    let pixels: Vec<u8> = (0..2 * Dataset::PIXELS).map(|i| (i * i % 251) as u8).collect();
    (idx(&[2, 28, 28], &pixels), idx(&[2], &[7, 1]))
}

fn error(images: &[u8], labels: &[u8]) -> String {
    read_idx(images.to_vec(), labels.to_vec()).unwrap_err().to_string()
}

#[test]
fn plain_and_packed_are_the_same() {
    let (images, labels) = two();
    let digits = read_idx(images.clone(), labels.clone()).unwrap();
    assert_eq!(digits.images(), &images[16..]);
    assert_eq!(digits.labels(), [7, 1]);
    assert_eq!(read_idx(gzip(&images), gzip(&labels)).unwrap(), digits);
    assert!(read_idx(idx(&[0, 28, 28], &[]), idx(&[0], &[])).unwrap().is_empty());
}

#[test]
fn every_truncation_is_an_error() {
    let (images, labels) = two();
    let packed = (gzip(&images), gzip(&labels));
    for (images, labels) in [&(images, labels), &packed] {
        for length in 0..images.len() {
            assert!(error(&images[..length], labels).starts_with("images, byte"), "{length}");
        }
        for length in 0..labels.len() {
            assert!(error(images, &labels[..length]).starts_with("labels, byte"), "{length}");
        }
    }
}

#[test]
fn every_flipped_byte_is_an_error_or_another_element() {
    let (images, labels) = two();
    let digits = read_idx(images.clone(), labels.clone()).unwrap();
    for (header, images, labels) in
        [(16, images.clone(), labels.clone()), (0, gzip(&images), labels)]
    {
        for at in 0..images.len() {
            for mask in [0x01, 0x80, 0xff] {
                let mut flipped = images.clone();
                flipped[at] ^= mask;
                match read_idx(flipped, labels.clone()) {
                    Ok(read) if header > 0 => assert!(at >= header && read != digits),
                    // Not all of gzip's header matters, and a copy may be taken from elsewhere.
                    Ok(read) => assert!(read == digits, "{at}"),
                    Err(error) => assert!(matches!(error, DataError::Format { .. })),
                }
            }
        }
    }
}

#[test]
fn trailing_bytes_are_an_error() {
    let (images, labels) = two();
    let extended = |bytes: &[u8]| [bytes, &[0]].concat();
    assert!(error(&extended(&images), &labels).contains("byte 1584: the file goes on"));
    assert!(error(&gzip(&extended(&images)), &labels).contains("byte 1584: the file goes on"));
    assert!(
        error(&extended(&gzip(&images)), &labels).contains("1 bytes after the end of the gzip")
    );
    // A second gzip member is no part of the file either.
    assert!(error(&[gzip(&images), gzip(&images)].concat(), &labels).contains("after the end"));
}

#[test]
fn what_does_not_fit_is_an_error() {
    let (images, labels) = two();
    assert!(error(&images, &idx(&[2], &[7, 10])).contains("labels, byte 9: label 10"));
    assert!(error(&images, &idx(&[1], &[7])).contains("labels, byte 4: the dimensions are [1]"));
    assert!(error(&labels, &images).contains("not [n, 28, 28]"));
    assert!(error(&idx(&[2, 784], &images[16..]), &labels).contains("not [n, 28, 28]"));
    let mut floats = images.clone();
    floats[2] = 0x0d;
    assert!(error(&floats, &labels).contains("byte 2: the element type is 0x0d"));
    assert!(error(b"\x89PNG\r\n\x1a\n", &labels).contains("no IDX file"));
    assert!(error(&idx(&[], &[1]), &labels).contains("no IDX file"));
}

#[test]
fn a_huge_claim_takes_no_memory() {
    let (_, labels) = two();
    let claims =
        [vec![u32::MAX as usize; 3], vec![u32::MAX as usize, 28, 28], vec![1 << 21, 28, 28]];
    for dims in claims {
        assert!(error(&idx(&dims, &[]), &labels).contains("more than"), "{dims:?}");
        assert!(error(&gzip(&idx(&dims, &[0; 4096])), &labels).contains("more than"), "{dims:?}");
    }
    assert!(error(&idx(&[1 << 20, 28, 28], &[]), &labels).contains("the file ends"));
}

#[test]
fn a_gzip_bomb_is_left_after_one_byte_too_many() {
    let (images, _) = two();
    let bomb = gzip(&[images, vec![0; 50 << 20]].concat());
    assert!(bomb.len() < 100_000);
    let plain = unpack("images", bomb).unwrap();
    assert_eq!(plain.len(), 16 + 2 * Dataset::PIXELS + 1);
    assert!(parse("images", plain).is_err());
}

proptest! {
    #[test]
    fn random_headers_never_panic(
        rank in 0u8..6,
        dims in prop::collection::vec(prop_oneof![Just(28u32), 0u32..4, any::<u32>()], 0..6),
        elements in prop::collection::vec(any::<u8>(), 0..3000),
        packed: bool,
    ) {
        let mut file = vec![0, 0, BYTES, rank];
        file.extend(dims.iter().flat_map(|dim| dim.to_be_bytes()));
        file.extend(elements);
        let size = header("x", &file).ok().map(|(_, size)| size);
        let bytes = if packed { gzip(&file) } else { file.clone() };
        match unpack("x", bytes).and_then(|plain| parse("x", plain)) {
            Ok((dims, elements)) => {
                prop_assert_eq!(elements.len(), dims.iter().product::<usize>());
                prop_assert_eq!(size, Some(file.len()));
            }
            Err(_) => prop_assert_ne!(size, Some(file.len())),
        }
    }

    #[test]
    fn random_bytes_never_panic(images: Vec<u8>, labels: Vec<u8>, packed: bool) {
        let magic: &[u8] = if packed { &[0x1f, 0x8b, 8] } else { &[0, 0, 8] };
        let _ = read_idx([magic, &images].concat(), [magic, &labels].concat());
    }
}
