//! Numbers in half precision (IEEE 754-2019, binary16), as bits: a sign, 5 bits of exponent, 10 of
//! fraction.

/// The largest finite number.
pub const MAX: f32 = 65_504.0;

/// The smallest number above 0: 2^-24.
const STEP: f32 = 1.0 / (1 << 24) as f32;

/// The number that these bits stand for.
pub fn to_f32(bits: u16) -> f32 {
    let [sign, exponent, fraction] = [bits >> 15, bits >> 10 & 31, bits & 1023].map(u32::from);
    let size = match exponent {
        0 => (fraction as f32 * STEP).to_bits(),
        31 => 255 << 23 | fraction << 13,
        _ => (exponent + 127 - 15) << 23 | fraction << 13,
    };
    f32::from_bits(sign << 31 | size)
}

/// The bits of the half nearest to a number, of two as near the even one; beyond [`MAX`], of that. What
/// is no number stays none.
pub fn from_f32(value: f32) -> u16 {
    let sign = if value.is_sign_negative() { 1 << 15 } else { 0 };
    if value.is_nan() {
        return sign | 0x7e00;
    }
    let size = value.abs().min(MAX);
    // Below 2^-14 the steps stay as they are there.
    let exponent = (size.to_bits() >> 23).max(127 - 14) as i32 - 127;
    // All of this is exact but the rounding.
    let steps = (size * 2f32.powi(10 - exponent)).round_ties_even() as u16;
    // A fraction of 1024 carries into the exponent.
    sign | ((exponent + 14) as u16 * 1024 + steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_survives_and_lies_between_its_neighbours() {
        for bits in 0..0x7c00u16 {
            let value = to_f32(bits);
            for (sign, value) in [(0, value), (1 << 15, -value)] {
                assert_eq!(to_f32(sign | bits), value);
                assert_eq!(from_f32(value), sign | bits, "{value}");
            }
            let next = to_f32(bits + 1).min(MAX);
            assert!(next > value || value == MAX);
            let middle = value.midpoint(next);
            assert_eq!(
                from_f32(middle),
                bits + (bits & 1).min(u16::from(next > value)),
                "{middle}"
            );
            assert_eq!(from_f32(middle.next_down().max(value)), bits);
        }
    }

    #[test]
    fn halves_are_those_of_the_standard() {
        // The examples of Wikipedia's "Half-precision floating-point format".
        for (bits, value) in [
            (0x0001, 5.960_464_5e-8),
            (0x03ff, 6.097_555e-5),
            (0x0400, 6.103_515_6e-5),
            (0x3555, 0.333_251_95),
            (0x3bff, 0.999_511_7),
            (0x3c00, 1.0),
            (0x3c01, 1.000_976_6),
            (0x7bff, MAX),
            (0xc000, -2.0),
        ] {
            assert_eq!((to_f32(bits), from_f32(value)), (value, bits));
        }
        assert_eq!(to_f32(0x7c00), f32::INFINITY);
        assert_eq!(to_f32(0x8000).to_bits(), (-0.0f32).to_bits());
        assert!(to_f32(0x7c01).is_nan() && to_f32(from_f32(f32::NAN)).is_nan());
        assert_eq!((from_f32(1e9), from_f32(-1e9)), (0x7bff, 0xfbff));
        assert_eq!((from_f32(1e-9), from_f32(-0.0)), (0, 1 << 15));
    }
}
