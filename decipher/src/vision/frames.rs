//! Does a picture move? Told by the blocks of the file, before anything is unpacked.

use image::ImageFormat;

/// Whether the file holds more than one frame.
pub fn are_several(bytes: &[u8], format: ImageFormat) -> bool {
    match format {
        ImageFormat::Gif => gif(bytes).is_some(),
        ImageFormat::Png => png(bytes).is_some(),
        // The animation flag of the extended header.
        ImageFormat::WebP => {
            bytes.get(12..16) == Some(b"VP8X") && bytes.get(20).is_some_and(|flags| flags & 2 != 0)
        }
        _ => false,
    }
}

/// The place of a second image in a GIF.
fn gif(bytes: &[u8]) -> Option<usize> {
    let table = |flags: u8| if flags & 0x80 != 0 { 3 << ((flags & 7) + 1) } else { 0 };
    let mut at = 13 + table(*bytes.get(10)?);
    let mut images = 0;
    loop {
        match *bytes.get(at)? {
            // An extension: its kind, then blocks of data.
            0x21 => at += 2,
            // An image: place and size, flags, its colours, the size of its codes, blocks of data.
            0x2c => {
                images += 1;
                if images == 2 {
                    return Some(at);
                }
                at += 11 + table(*bytes.get(at + 9)?);
            }
            _ => return None,
        }
        while *bytes.get(at)? != 0 {
            at += 1 + usize::from(bytes[at]);
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
