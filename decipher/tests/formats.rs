//! Pictures as programs and cameras write them: every kind becomes the same grey values.

use decipher::draw::Canvas;
use decipher::image::GrayImage;
use decipher::vision::{DecodeError, Limits, decode};
use image::codecs::gif::GifEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::{Delay, Frame, ImageBuffer, ImageFormat, Luma, RgbaImage};

/// The grey picture, once its colours have been compared with it.
fn decoded(bytes: &[u8]) -> GrayImage {
    let gray = decode(bytes, &Limits::default()).unwrap();
    let colours = Canvas::decode(bytes, &Limits::default()).unwrap();
    assert_eq!((colours.width(), colours.height()), (gray.width(), gray.height()));
    for (&[r, g, b], &grey) in colours.pixels().iter().zip(gray.pixels()) {
        let luma = 0.299 * f32::from(r) + 0.587 * f32::from(g) + 0.114 * f32::from(b);
        assert!((luma - f32::from(grey)).abs() < 1.6, "{r} {g} {b} is {grey}");
    }
    gray
}

/// 16 x 8 pixels: dark (25) on the left, light (230) on the right.
fn assert_dark_left(name: &str, picture: &GrayImage, off: u8) {
    assert_eq!((picture.width(), picture.height()), (16, 8), "{name}");
    for (i, &value) in picture.pixels().iter().enumerate() {
        let right = if i % 16 < 8 { 25u8 } else { 230 };
        assert!(value.abs_diff(right) <= off, "{name}: {value} at {i}");
    }
}

#[test]
fn inks_of_a_printer() {
    assert_dark_left("cmyk", &decoded(include_bytes!("pictures/cmyk.jpg")), 4);
}

#[test]
fn a_palette_with_a_transparent_colour() {
    let picture = decoded(include_bytes!("pictures/palette.png"));
    let at = |x: usize, y: usize| picture.row(y)[x];
    assert_eq!([at(0, 0), at(15, 0), at(15, 7)], [25, 230, 255]);
}

#[test]
fn one_bit_a_pixel() {
    let picture = decoded(include_bytes!("pictures/one-bit.png"));
    assert_eq!([picture.row(0)[0], picture.row(7)[15]], [0, 255]);
}

#[test]
fn sixteen_bits_a_pixel() {
    let values: Vec<u16> =
        (0..128).map(|i| if i % 16 < 8 { 25 * 257 } else { 230 * 257 }).collect();
    let picture = ImageBuffer::<Luma<u16>, _>::from_raw(16, 8, values).unwrap();
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
    assert_dark_left("16 bit", &decoded(bytes.get_ref()), 0);
}

#[test]
fn colours_stay_what_they_are() {
    let ink = [[30u8, 60, 200, 255], [200, 40, 30, 255], [200, 40, 30, 0]];
    let picture = RgbaImage::from_fn(3, 2, |x, _| image::Rgba(ink[x as usize]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
    decoded(bytes.get_ref());
    let canvas = Canvas::decode(bytes.get_ref(), &Limits::default()).unwrap();
    assert_eq!(canvas.pixels()[3..], [[30, 60, 200], [200, 40, 30], [255; 3]]);
}

#[test]
fn a_still_gif_is_read_and_an_animation_is_not() {
    let frame = |left: u8, right: u8| {
        let grey = |x: u32| if x < 8 { left } else { right };
        let pixels =
            RgbaImage::from_fn(16, 8, |x, _| image::Rgba([grey(x), grey(x), grey(x), 255]));
        Frame::from_parts(pixels, 0, 0, Delay::from_numer_denom_ms(100, 1))
    };
    let gif = |frames: Vec<Frame>| {
        let mut bytes = Vec::new();
        GifEncoder::new(&mut bytes).encode_frames(frames).unwrap();
        bytes
    };
    assert_dark_left("still", &decoded(&gif(vec![frame(25, 230)])), 3);
    let moving = gif(vec![frame(25, 230), frame(230, 25)]);
    let refused = decode(&moving, &Limits::default());
    assert!(matches!(refused, Err(DecodeError::Animated { format: "GIF" })), "{refused:?}");
    // Cut behind its first frame it may pass for a still one; nowhere does it panic.
    for length in 0..moving.len() {
        let _ = decode(&moving[..length], &Limits::default());
    }
}

#[test]
fn an_animated_png_is_told_by_its_header() {
    let mut bytes = include_bytes!("pictures/one-bit.png").to_vec();
    // After the header's chunk: length, name, frames, plays, checksum (which is not reached).
    let chunk = [0, 0, 0, 8, b'a', b'c', b'T', b'L', 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0];
    bytes.splice(33..33, chunk);
    let refused = decode(&bytes, &Limits::default());
    assert!(matches!(refused, Err(DecodeError::Animated { format: "PNG" })), "{refused:?}");
}

#[test]
fn a_bomb_is_refused_before_it_is_unpacked() {
    let mut bytes = include_bytes!("pictures/one-bit.png").to_vec();
    bytes[16..20].copy_from_slice(&9000u32.to_be_bytes());
    bytes[20..24].copy_from_slice(&9000u32.to_be_bytes());
    let sum = !bytes[12..29].iter().fold(!0u32, |sum, &byte| {
        let bit = |s: u32, _| (s >> 1) ^ (0xedb8_8320 & (s & 1).wrapping_neg());
        (0..8).fold(sum ^ u32::from(byte), bit)
    });
    bytes[29..33].copy_from_slice(&sum.to_be_bytes());
    let refused = decode(&bytes, &Limits::default());
    assert!(matches!(refused, Err(DecodeError::Hollow { width: 9000, .. })), "{refused:?}");
}

#[test]
fn a_jpeg_that_says_it_is_larger_than_its_bytes_can_be_is_refused() {
    let mut bytes = include_bytes!("pictures/cmyk.jpg").to_vec();
    let frame = bytes.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    bytes[frame + 5..frame + 9].copy_from_slice(&[0x0b, 0xb8, 0x0f, 0xa0]);
    let refused = decode(&bytes, &Limits::default());
    assert!(matches!(refused, Err(DecodeError::Hollow { width: 4000, .. })), "{refused:?}");
}

#[test]
fn a_bmp_without_pixels_is_said_to_have_none() {
    let mut bytes = b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    bytes.resize(54, 0);
    (bytes[26], bytes[28]) = (1, 24);
    for (width, height) in [(0, 0), (5, 0), (0, 7)] {
        (bytes[18], bytes[22]) = (width, height);
        match decode(&bytes, &Limits::default()) {
            Err(DecodeError::ZeroSize { width: w, height: h }) => {
                assert_eq!((w, h), (width.into(), height.into()));
            }
            other => panic!("{width} x {height}: {other:?}"),
        }
    }
}

#[test]
fn a_camera_held_any_way() {
    // Where the dark corner of the stored picture is seen: top or bottom, left or right.
    let corners = [(0, 0), (0, 1), (1, 1), (1, 0), (0, 0), (0, 1), (1, 1), (1, 0)];
    let stored: Vec<u8> =
        (0..32 * 16).map(|i| if i % 32 < 16 && i / 32 < 8 { 20 } else { 240 }).collect();
    for (orientation, (bottom, right)) in (1u8..).zip(corners) {
        let mut bytes = Vec::new();
        let encoder = JpegEncoder::new_with_quality(&mut bytes, 95);
        image::ImageEncoder::write_image(encoder, &stored, 32, 16, image::ExtendedColorType::L8)
            .unwrap();
        let mut exif = b"\xff\xe1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0".to_vec();
        exif.extend([0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0, 0, 0, 0, 0]);
        bytes.splice(2..2, exif);
        let picture = decoded(&bytes);
        let (width, height) = if orientation < 5 { (32, 16) } else { (16, 32) };
        assert_eq!((picture.width(), picture.height()), (width, height), "{orientation}");
        let (x, y) = (width / 4 + right * width / 2, height / 4 + bottom * height / 2);
        assert!(picture.row(y)[x] < 60, "{orientation}");
        assert!(picture.row(height - 1 - y)[width - 1 - x] > 200, "{orientation}");
    }
}
