//! A person's own labelled digits, as JSON that the page and the command line exchange.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::{DataError, Dataset};

/// Labelled digits: `{"version": 1, "digits": [{"label": 3, "pixels": "<base64>"}]}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LabelledDigits {
    /// 1.
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 1))]
    pub version: u32,
    /// In any order.
    pub digits: Vec<LabelledDigit>,
}

/// One of [`LabelledDigits`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LabelledDigit {
    /// What it is, 0 to 9.
    #[cfg_attr(feature = "schema", schema(minimum = 0, maximum = 9))]
    pub label: u8,
    /// Base64 of its 784 pixels, row by row, 0 = paper, 255 = ink.
    pub pixels: String,
}

impl LabelledDigits {
    /// The same digits as a dataset, in their order.
    ///
    /// # Errors
    /// [`DataError::Format`] naming the first digit whose pixels are not 784 bytes in base64 or
    /// whose label is above 9, or another version than 1.
    pub fn to_dataset(&self) -> Result<Dataset, DataError> {
        let wrong = |at: usize, problem: String| DataError::Format {
            what: "digits".into(),
            at: at as u64,
            problem,
            advice: "a digit is {\"label\": 0 to 9, \"pixels\": base64 of 784 bytes}",
        };
        if self.version != 1 {
            return Err(wrong(0, format!("version {}, this program reads 1", self.version)));
        }
        let mut images = Vec::with_capacity(self.digits.len() * Dataset::PIXELS);
        for (i, digit) in self.digits.iter().enumerate() {
            let pixels = STANDARD
                .decode(&digit.pixels)
                .map_err(|e| wrong(i, format!("the pixels of digit {i} are not base64: {e}")))?;
            if pixels.len() != Dataset::PIXELS {
                return Err(wrong(i, format!("digit {i} has {} pixels, not 784", pixels.len())));
            }
            if digit.label > 9 {
                return Err(wrong(i, format!("digit {i} is labelled {}", digit.label)));
            }
            images.extend(pixels);
        }
        Dataset::new(images, self.digits.iter().map(|d| d.label).collect())
    }
}

impl From<&Dataset> for LabelledDigits {
    fn from(digits: &Dataset) -> Self {
        let one =
            |i| LabelledDigit { label: digits.label(i), pixels: STANDARD.encode(digits.image(i)) };
        Self { version: 1, digits: (0..digits.len()).map(one).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_survive_the_json() {
        let digits = crate::data::sample().range(0..3);
        let json = serde_json::to_string(&LabelledDigits::from(&digits)).unwrap();
        let back: LabelledDigits = serde_json::from_str(&json).unwrap();
        assert!(back.to_dataset().unwrap() == digits);
    }

    #[test]
    fn the_wrong_digit_is_named() {
        let good = LabelledDigits::from(&crate::data::sample().range(0..3));
        let error = |change: &dyn Fn(&mut LabelledDigits)| {
            let mut digits = good.clone();
            change(&mut digits);
            digits.to_dataset().unwrap_err().to_string()
        };
        assert!(error(&|d| d.version = 2).contains("version 2"));
        assert!(error(&|d| d.digits[1].label = 10).contains("digit 1 is labelled 10"));
        assert!(error(&|d| d.digits[2].pixels = "AAAA".into()).contains("digit 2 has 3 pixels"));
        assert!(error(&|d| d.digits[0].pixels = "?".into()).contains("digit 0 are not base64"));
    }
}
