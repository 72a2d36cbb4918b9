//! Bytes of a picture file to grey values, with the limits checked before anything is allocated.

use std::io::Cursor;

use image::{
    ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader, metadata::Orientation,
};

use super::{frames, whole};
use crate::image::GrayImage;

/// The formats that [`decode`] reads, for sentences.
const FORMATS: &str = "PNG, JPEG, BMP, PNM, WebP and GIF";

/// Pixels from which on it is asked whether there is anything on a picture.
const LARGE: u64 = 16_000_000;
/// Pixels a byte that no picture with writing on it has; deflate packs at most 1,030 bytes into one.
/// A JPEG of any size has fewer: one bit for each block of 64 at least.
const FULLEST: u64 = 512;
/// Most memory for what a PNG says beside its picture, in bytes: its colour profile is packed, too.
const BESIDE: u64 = 8 << 20;

/// What [`decode`] refuses to unpack. A file of some hundred bytes can announce a picture of
/// billions of pixels, so all three are compared with the header before any memory is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest width times height, in pixels. 100 million by default.
    pub max_pixels: u64,
    /// Largest width and largest height, in pixels. 30,000 by default.
    pub max_side: u32,
    /// Most memory for the unpacked picture, in bytes. 512 MiB by default.
    pub max_memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_pixels: 100_000_000, max_side: 30_000, max_memory: 512 << 20 }
    }
}

/// Why bytes did not become a picture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// There are no bytes.
    #[error("the picture is empty: it has 0 bytes")]
    Empty,
    /// The first bytes are those of no format read here.
    #[error("this is no picture in a known format; {FORMATS} are read")]
    UnknownFormat,
    /// More pixels than [`Limits`] allows.
    #[error(
        "the picture is too large: {width} x {height} pixels, but at most {max_side} a side \
         and {max_pixels} in all are read"
    )]
    TooLarge {
        /// Width in pixels, as the header says.
        width: u32,
        /// Height in pixels, as the header says.
        height: u32,
        /// [`Limits::max_side`].
        max_side: u32,
        /// [`Limits::max_pixels`].
        max_pixels: u64,
    },
    /// Unpacking takes more memory than [`Limits`] allows.
    #[error("unpacking the {width} x {height} picture takes more than the {limit} bytes allowed")]
    TooMuchMemory {
        /// Width in pixels, as the header says.
        width: u32,
        /// Height in pixels, as the header says.
        height: u32,
        /// [`Limits::max_memory`].
        limit: u64,
    },
    /// A PNG with more text, or other things beside its picture, than is kept.
    #[error("the PNG file says more than {limit} bytes beside its picture; save it without these")]
    TooMuchBeside {
        /// 8 MiB, or [`Limits::max_memory`] where that is less.
        limit: u64,
    },
    /// A picture without pixels.
    #[error("the picture has no pixels: {width} x {height}")]
    ZeroSize {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// Several frames, shown one after the other.
    #[error("the {format} file is an animation; save one of its frames as a picture")]
    Animated {
        /// Name of the format, as in "GIF".
        format: &'static str,
    },
    /// So few bytes for so many pixels that nothing can be written on them.
    #[error("{bytes} bytes that unpack to {width} x {height} pixels are blank, or a trap")]
    Hollow {
        /// Width in pixels, as the header says.
        width: u32,
        /// Height in pixels, as the header says.
        height: u32,
        /// Bytes of the file.
        bytes: usize,
    },
    /// The file ends early or contradicts itself.
    #[error("the {format} file is cut off or damaged: {reason}")]
    Corrupt {
        /// Name of the format, as in "PNG".
        format: &'static str,
        /// What the decoder found.
        reason: String,
    },
}

/// Unpacks a PNG, JPEG, BMP, PNM, WebP or GIF, recognised by its first bytes.
///
/// The result stands upright (EXIF orientation is applied) and is grey by the luma of Rec. 601,
/// 0 = black, 255 = white; transparent parts show white paper; 16 bit are rounded to 8.
///
/// # Errors
/// [`DecodeError`], when the bytes are no such picture, are damaged, or exceed `limits`.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<GrayImage, DecodeError> {
    let gray = unpack(bytes, limits, |width, height, raw, color| {
        let gray = image::GrayImage::from_raw(width, height, to_gray(raw, color)?)?;
        Some(DynamicImage::ImageLuma8(gray))
    })?;
    Ok(GrayImage::new(gray.width() as usize, gray.height() as usize, gray.into_bytes()))
}

/// As [`decode`], but in colours: width, height, and red, green and blue of all pixels.
pub(crate) fn decode_rgb(
    bytes: &[u8],
    limits: &Limits,
) -> Result<(usize, usize, Vec<u8>), DecodeError> {
    let rgb = unpack(bytes, limits, |width, height, raw, color| {
        let rgb = image::RgbImage::from_raw(width, height, to_rgb(raw, color)?)?;
        Some(DynamicImage::ImageRgb8(rgb))
    })?;
    Ok((rgb.width() as usize, rgb.height() as usize, rgb.into_bytes()))
}

/// Checks and unpacks a file; `picture` makes the picture, which is then set upright, of width,
/// height and the decoder's pixels.
fn unpack(
    bytes: &[u8],
    limits: &Limits,
    picture: fn(u32, u32, Vec<u8>, ColorType) -> Option<DynamicImage>,
) -> Result<DynamicImage, DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty);
    }
    let format = image::guess_format(bytes).map_err(|_| DecodeError::UnknownFormat)?;
    let name = format_name(format).ok_or(DecodeError::UnknownFormat)?;
    let corrupt =
        |e: image::ImageError| DecodeError::Corrupt { format: name, reason: e.to_string() };

    if frames::are_several(bytes, format) {
        return Err(DecodeError::Animated { format: name });
    }
    // The decoders check the sides too, but do not say how large the picture is.
    if let Some((width, height)) = header_size(bytes, format) {
        check_size(width, height, limits)?;
    }
    if let Some(reason) = whole::damage(bytes, format) {
        return Err(DecodeError::Corrupt { format: name, reason: reason.into() });
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(decoder_limits(limits, format));
    let mut decoder = reader.into_decoder().map_err(|e| match e {
        // The picture's size is checked above, so it is what stands before the picture.
        image::ImageError::Limits(_) if format == ImageFormat::Png => {
            DecodeError::TooMuchBeside { limit: limits.max_memory.min(BESIDE) }
        }
        e => corrupt(e),
    })?;
    let (width, height) = decoder.dimensions();
    check_size(width, height, limits)?;
    let pixels = u64::from(width) * u64::from(height);
    let suspicious = pixels > LARGE || format == ImageFormat::Jpeg;
    if suspicious && pixels > FULLEST * bytes.len() as u64 {
        return Err(DecodeError::Hollow { width, height, bytes: bytes.len() });
    }
    let memory = DecodeError::TooMuchMemory { width, height, limit: limits.max_memory };
    if decoder.total_bytes() > limits.max_memory {
        return Err(memory);
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let color = decoder.color_type();
    let mut raw = vec![0; decoder.total_bytes() as usize];
    decoder.read_image(&mut raw).map_err(|e| match e {
        image::ImageError::Limits(_) => memory,
        e => corrupt(e),
    })?;

    let picture = picture(width, height, raw, color);
    let mut picture = picture.ok_or_else(|| DecodeError::Corrupt {
        format: name,
        reason: format!("unexpected pixels of type {color:?}"),
    })?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// Packs a picture as a PNG file, 8 bit grey.
///
/// # Panics
/// If the picture has no pixels, or more than 2^31 - 1 a side: PNG knows neither.
pub fn encode_png(picture: &GrayImage) -> Vec<u8> {
    png(picture.width(), picture.height(), picture.pixels(), image::ExtendedColorType::L8)
}

/// Packs red, green and blue bytes as a PNG file; as [`encode_png`].
pub(crate) fn encode_png_rgb(width: usize, height: usize, pixels: &[u8]) -> Vec<u8> {
    png(width, height, pixels, image::ExtendedColorType::Rgb8)
}

fn png(width: usize, height: usize, pixels: &[u8], colour: image::ExtendedColorType) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = image::codecs::png::PngEncoder::new(&mut bytes);
    image::ImageEncoder::write_image(encoder, pixels, width as u32, height as u32, colour)
        .unwrap_or_else(|e| panic!("a {width} x {height} picture does not become a PNG: {e}"));
    bytes
}

fn format_name(format: ImageFormat) -> Option<&'static str> {
    Some(match format {
        ImageFormat::Png => "PNG",
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Bmp => "BMP",
        ImageFormat::Pnm => "PNM",
        ImageFormat::WebP => "WebP",
        ImageFormat::Gif => "GIF",
        _ => return None,
    })
}

fn decoder_limits(limits: &Limits, format: ImageFormat) -> image::Limits {
    let mut inner = image::Limits::default();
    inner.max_image_width = Some(limits.max_side);
    inner.max_image_height = Some(limits.max_side);
    // The memory for the pixels is not the decoder's.
    inner.max_alloc = Some(match format {
        ImageFormat::Png => limits.max_memory.min(BESIDE),
        _ => limits.max_memory,
    });
    inner
}

/// Width and height by the header alone; nothing is unpacked.
fn header_size(bytes: &[u8], format: ImageFormat) -> Option<(u32, u32)> {
    match format {
        ImageFormat::Png => whole::png_size(bytes),
        // Its decoder knows no picture without pixels.
        ImageFormat::Bmp => whole::bmp_size(bytes),
        _ => {
            let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
            reader.no_limits();
            reader.into_dimensions().ok()
        }
    }
}

fn check_size(width: u32, height: u32, limits: &Limits) -> Result<(), DecodeError> {
    if width == 0 || height == 0 {
        return Err(DecodeError::ZeroSize { width, height });
    }
    let &Limits { max_side, max_pixels, .. } = limits;
    if width.max(height) > max_side || u64::from(width) * u64::from(height) > max_pixels {
        return Err(DecodeError::TooLarge { width, height, max_side, max_pixels });
    }
    Ok(())
}

/// Grey bytes from the decoder's pixels; `None` for a pixel type that these formats do not have.
fn to_gray(raw: Vec<u8>, color: ColorType) -> Option<Vec<u8>> {
    Some(match color {
        ColorType::L8 => raw,
        ColorType::La8 => raw.chunks_exact(2).map(|p| over_white(p[0], p[1])).collect(),
        ColorType::Rgb8 => raw.chunks_exact(3).map(|p| luma(p[0], p[1], p[2])).collect(),
        ColorType::Rgba8 => {
            raw.chunks_exact(4).map(|p| over_white(luma(p[0], p[1], p[2]), p[3])).collect()
        }
        ColorType::L16 => raw.chunks_exact(2).map(|p| word(p, 0)).collect(),
        ColorType::La16 => {
            raw.chunks_exact(4).map(|p| over_white(word(p, 0), word(p, 1))).collect()
        }
        ColorType::Rgb16 => {
            raw.chunks_exact(6).map(|p| luma(word(p, 0), word(p, 1), word(p, 2))).collect()
        }
        ColorType::Rgba16 => raw
            .chunks_exact(8)
            .map(|p| over_white(luma(word(p, 0), word(p, 1), word(p, 2)), word(p, 3)))
            .collect(),
        _ => return None,
    })
}

/// Red, green and blue from the decoder's pixels; as [`to_gray`].
fn to_rgb(raw: Vec<u8>, color: ColorType) -> Option<Vec<u8>> {
    let channels = usize::from(color.channel_count());
    let value: fn(&[u8], usize) -> u8 = match usize::from(color.bytes_per_pixel()) / channels {
        1 => |p: &[u8], i: usize| p[i],
        2 => word,
        _ => return None,
    };
    let pixel = |p: &[u8]| {
        let alpha = if color.has_alpha() { value(p, channels - 1) } else { 255 };
        [0, 1, 2].map(|i| over_white(value(p, if color.has_color() { i } else { 0 }), alpha))
    };
    Some(match color {
        ColorType::Rgb8 => raw,
        _ => raw.chunks_exact(color.bytes_per_pixel().into()).flat_map(pixel).collect(),
    })
}

/// Value `i` of 16 bit, in the machine's byte order, as 8 bit. 257 = 65535 / 255.
fn word(p: &[u8], i: usize) -> u8 {
    let value = u16::from_ne_bytes([p[2 * i], p[2 * i + 1]]);
    ((u32::from(value) + 128) / 257) as u8
}

/// Luma of ITU-R Rec. 601, 0.299 R + 0.587 G + 0.114 B, rounded. The weights are in 65536ths and
/// sum to 65536, so that equal channels stay what they are.
fn luma(r: u8, g: u8, b: u8) -> u8 {
    ((19_595 * u32::from(r) + 38_470 * u32::from(g) + 7_471 * u32::from(b) + 32_768) >> 16) as u8
}

/// A grey value of opacity `alpha` (255 = opaque) on white paper.
fn over_white(value: u8, alpha: u8) -> u8 {
    let (value, alpha) = (u32::from(value), u32::from(alpha));
    ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// A chunk of a PNG.
    fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let mut sum = flate2::Crc::new();
        sum.update(name);
        sum.update(data);
        let length = (data.len() as u32).to_be_bytes();
        [&length[..], name, data, &sum.sum().to_be_bytes()].concat()
    }

    #[test]
    fn a_colour_profile_without_end_is_not_unpacked() {
        let mut png = encode_png(&GrayImage::new(2, 1, vec![10, 200]));
        let mut profile = flate2::write::ZlibEncoder::new(b"a\0\0".to_vec(), Default::default());
        profile.write_all(&vec![0; 2 * BESIDE as usize]).unwrap();
        png.splice(33..33, chunk(b"iCCP", &profile.finish().unwrap()));

        let mut reader = ImageReader::with_format(Cursor::new(&png), ImageFormat::Png);
        reader.limits(decoder_limits(&Limits::default(), ImageFormat::Png));
        assert_eq!(reader.into_decoder().unwrap().icc_profile().unwrap(), None);
        assert_eq!(decode(&png, &Limits::default()).unwrap().pixels(), [10, 200]);
    }

    #[test]
    fn text_without_end_is_not_kept() {
        let mut png = encode_png(&GrayImage::new(2, 1, vec![10, 200]));
        png.splice(33..33, chunk(b"tEXt", &[b'a'; 2 * BESIDE as usize]));
        let refused = decode(&png, &Limits::default());
        assert!(
            matches!(refused, Err(DecodeError::TooMuchBeside { limit: BESIDE })),
            "{refused:?}"
        );
    }
}
