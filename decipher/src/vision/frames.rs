//! Does a picture move? Told by the blocks of the file, before anything is unpacked.

use image::ImageFormat;

/// Whether the file holds more than one frame.
pub fn are_several(bytes: &[u8], format: ImageFormat) -> bool {
    match format {
        ImageFormat::Gif => gif(bytes).begin > 1,
        ImageFormat::Png => png(bytes).is_some(),
        // The animation flag of the extended header.
        ImageFormat::WebP => {
            bytes.get(12..16) == Some(b"VP8X") && bytes.get(20).is_some_and(|flags| flags & 2 != 0)
        }
        _ => false,
    }
}

/// How many images of a GIF begin, two at most, and how many of them end.
pub(super) struct Images {
    begin: u32,
    end: u32,
}

impl Images {
    /// Whether no image is cut off.
    pub(super) fn is_whole(&self) -> bool {
        self.begin == self.end
    }
}

/// Walks through the blocks of a GIF.
pub(super) fn gif(bytes: &[u8]) -> Images {
    let mut images = Images { begin: 0, end: 0 };
    count(bytes, &mut images);
    images
}

fn count(bytes: &[u8], images: &mut Images) -> Option<()> {
    let table = |flags: u8| if flags & 0x80 != 0 { 3 << ((flags & 7) + 1) } else { 0 };
    let mut at = 13 + table(*bytes.get(10)?);
    loop {
        match *bytes.get(at)? {
            // An extension: its kind, then blocks of data.
            0x21 => at += 2,
            // An image: place and size, flags, its colours, the size of its codes, blocks of data.
            0x2c => {
                images.begin += 1;
                if images.begin == 2 {
                    return None;
                }
                at += 11 + table(*bytes.get(at + 9)?);
            }
            _ => return None,
        }
        let mut last = u8::MAX;
        while let Some(&length @ 1..) = bytes.get(at) {
            (last, at) = (length, at + 1 + usize::from(length));
        }
        // The last block is not full. What may be missing is the mark behind it and the code at its
        // end, of up to two bytes: nobody needs them.
        if at < bytes.len() || (last < u8::MAX && at <= bytes.len() + 2) {
            images.end = images.begin;
        }
        at += 1;
    }
}

/// The place of the animation's chunk in a PNG, if it tells of several frames.
fn png(bytes: &[u8]) -> Option<usize> {
    let word = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let mut at = 8;
    loop {
        let length = word(at)? as usize;
        match bytes.get(at + 4..at + 8)? {
            b"acTL" => return (word(at + 8)? > 1).then_some(at),
            b"IDAT" => return None,
            _ => at = at.checked_add(length)?.checked_add(12)?,
        }
    }
}
