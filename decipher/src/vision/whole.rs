//! Is a picture's file all there? Told by its blocks and checksums: it takes a while and much memory
//! to unpack a large picture only to find its end missing.

use image::ImageFormat;

use super::{frames, jpeg};

/// What is wrong with the file, as far as that shows without unpacking. What decoders do without may
/// be missing: the marks at the end of a GIF, what follows the pixels of a PNG.
pub(super) fn damage(bytes: &[u8], format: ImageFormat) -> Option<&'static str> {
    let whole = match format {
        ImageFormat::Bmp => bmp(bytes),
        ImageFormat::Gif => frames::gif(bytes).is_whole(),
        ImageFormat::Jpeg => match jpeg::scans(bytes) {
            Some(scans) if scans > MOST_SCANS => return Some("it has too many scans"),
            scans => scans.is_some(),
        },
        ImageFormat::Png => match png(bytes) {
            Some(false) => return Some("a checksum does not fit"),
            fits => fits.is_some(),
        },
        ImageFormat::WebP => webp(bytes),
        _ => true,
    };
    (!whole).then_some("its end is missing")
}

/// Encoders write some ten scans. Each costs a walk over all pixels, however few its bytes are.
const MOST_SCANS: usize = 50;

/// Width and height of a PNG; its decoder would unpack the colour profile first.
pub(super) fn png_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let word = |at| Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
    Some((word(16)?, word(20)?))
}

/// Width and height of a BMP, if they are not negative; a picture of a negative height is one from top
/// to bottom.
pub(super) fn bmp_size(bytes: &[u8]) -> Option<(u32, u32)> {
    Some(match word(bytes, 14)? {
        OLD => (word(bytes, 18)? & 0xffff, word(bytes, 18)? >> 16),
        40..=124 => {
            let (width, height) = (word(bytes, 18)? as i32, word(bytes, 22)? as i32);
            (u32::try_from(width).ok()?, height.unsigned_abs())
        }
        _ => return None,
    })
}

/// Bytes of the first kind of header that a BMP had.
const OLD: u32 = 12;

/// Whether a BMP that is not compressed has all its rows.
fn bmp(bytes: &[u8]) -> bool {
    let rows_end = || {
        let (width, height) = bmp_size(bytes)?;
        let (bits, packed) = match word(bytes, 14)? {
            OLD => (word(bytes, 22)? >> 16, 0),
            _ => (word(bytes, 26)? >> 16, word(bytes, 30)?),
        };
        let row = (u64::from(width) * u64::from(bits)).div_ceil(32) * 4;
        // 3: with masks for the colours.
        let rows = if matches!(packed, 0 | 3) { row.checked_mul(u64::from(height))? } else { 0 };
        u64::from(word(bytes, 10)?).checked_add(rows)
    };
    rows_end().is_none_or(|end| end <= bytes.len() as u64)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Whether the checksums fit of what a PNG cannot be shown without; `None` if something is missing.
fn png(bytes: &[u8]) -> Option<bool> {
    let mut rest = bytes.get(8..)?;
    let mut pixels = false;
    loop {
        let length = u32::from_be_bytes(*rest.first_chunk()?) as usize;
        let name = rest.get(4..8)?;
        if pixels && name != b"IDAT" {
            return Some(true);
        }
        pixels = name == b"IDAT";
        let sum_at = length.checked_add(8)?;
        let mut sum = flate2::Crc::new();
        let stored = rest.get(sum_at..)?.first_chunk()?;
        // Small letters: it can be done without.
        if name[0].is_ascii_uppercase() {
            sum.update(&rest[4..sum_at]);
            if sum.sum() != u32::from_be_bytes(*stored) {
                return Some(false);
            }
        }
        rest = &rest[sum_at + 4..];
    }
}

/// Bytes at the end of a WebP's pixels that can be missing: they are read ahead, and not used.
const AHEAD: usize = 2;

/// Whether the chunk with the pixels is in a WebP. What the file says of its own length may be wrong.
fn webp(bytes: &[u8]) -> bool {
    let mut at = 12;
    while let (Some(name), Some(length)) = (bytes.get(at..at + 4), word(bytes, at + 4)) {
        let Some(end) = (at + 8).checked_add(length as usize) else { return false };
        if matches!(name, b"VP8 " | b"VP8L") {
            return end <= bytes.len() + AHEAD;
        }
        if end > bytes.len() {
            return false;
        }
        at = end + end % 2;
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample(name: &str) -> (Vec<u8>, ImageFormat) {
        let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/");
        let bytes = std::fs::read(format!("{samples}{name}")).unwrap();
        let format = image::guess_format(&bytes).unwrap();
        (bytes, format)
    }

    /// A sample, from how many of its bytes on a cut is told (its head is for the decoder to judge),
    /// and how many at its end are not needed.
    const SAMPLES: [(&str, usize, usize); 6] = [
        ("digit.png", 0, 4),
        ("transparent.png", 0, 4),
        ("number.bmp", 60, 0),
        ("number.gif", 900, 4),
        ("number.webp", 0, 3),
        ("number.jpg", 0, 0),
    ];

    #[test]
    fn what_is_cut_off_is_missed() {
        for (name, head, spare) in SAMPLES {
            let (mut bytes, format) = sample(name);
            let least = bytes.len() - spare;
            for length in (head..least).step_by(61).chain([least - 1]) {
                let cut = damage(&bytes[..length], format);
                assert_eq!(cut, Some("its end is missing"), "{name} of {length} bytes");
            }
            for length in least..=bytes.len() {
                assert_eq!(damage(&bytes[..length], format), None, "{name} of {length} bytes");
            }
            bytes.extend(b"something behind it");
            assert_eq!(damage(&bytes, format), None, "{name} and something behind it");
        }
    }

    #[test]
    fn a_png_is_held_to_the_checksums_that_matter() {
        let (mut bytes, format) = sample("digit.png");
        let at = bytes.windows(4).position(|name| name == b"IDAT").unwrap();
        let text = [0, 0, 0, 1, b't', b'E', b'X', b't', b'a', 1, 2, 3, 4];
        bytes.splice(at - 4..at - 4, text);
        assert_eq!(damage(&bytes, format), None, "text with a wrong sum");
        bytes[at + text.len() + 100] ^= 1;
        assert_eq!(damage(&bytes, format), Some("a checksum does not fit"));
    }

    #[test]
    fn a_webp_is_whole_whatever_it_says_of_its_length() {
        let (mut bytes, format) = sample("number.webp");
        bytes[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(damage(&bytes, format), None);
    }

    #[test]
    fn scans_without_end_are_too_many() {
        let (bytes, format) = sample("number.jpg");
        let at = bytes.windows(2).position(|marker| marker == [0xff, 0xda]).unwrap();
        let (head, scan) = bytes.split_at(at);
        let of = |scans| [head, &scan[..scan.len() - 2].repeat(scans), &[0xff, 0xd9]].concat();
        assert_eq!(damage(&of(MOST_SCANS), format), None);
        assert_eq!(damage(&of(MOST_SCANS + 1), format), Some("it has too many scans"));
    }

    proptest! {
        /// Nothing panics, and of PNG and BMP, whose decoders are strict, nothing is refused that
        /// they would read.
        #[test]
        fn what_is_refused_is_damaged(
            sample_index in 0..SAMPLES.len(),
            edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..9),
            head in any::<bool>(),
        ) {
            let (mut bytes, format) = sample(SAMPLES[sample_index].0);
            let most = if head { 60 } else { bytes.len() };
            for (index, value) in edits {
                bytes[index.index(most)] = value;
            }
            if let Some(reason) = damage(&bytes, format)
                && matches!(format, ImageFormat::Png | ImageFormat::Bmp)
            {
                let mut reader = image::ImageReader::with_format(
                    std::io::Cursor::new(&bytes),
                    format,
                );
                let mut limits = image::Limits::default();
                (limits.max_image_width, limits.max_image_height) = (Some(5000), Some(5000));
                reader.limits(limits);
                prop_assert!(reader.decode().is_err(), "{reason}");
            }
        }
    }
}
