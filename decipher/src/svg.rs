//! Sheets of digits as SVG, which opens anywhere and can be looked into.

use std::fmt::Write;

use crate::data::Dataset;
use crate::metrics::Mistake;

/// Side of a digit with its caption, in SVG units; a pixel is one unit.
const CELL: (usize, usize) = (36, 44);
const COLUMNS: usize = 20;
/// Most digits on a sheet: what a browser still shows at once.
const MOST: usize = 1_000;
/// Greys that are told apart.
const LEVELS: usize = 4;

/// Draws the digits that were read wrong, in the given order, each with what it is, what was read
/// and how sure the network was.
pub fn mistakes(digits: &Dataset, mistakes: &[Mistake]) -> String {
    let shown = &mistakes[..mistakes.len().min(MOST)];
    let (width, height) = (COLUMNS * CELL.0, 24 + shown.len().div_ceil(COLUMNS) * CELL.1);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{}\" \
         font-family=\"sans-serif\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"4\" y=\"15\" font-size=\"11\">{} of {} read wrong{}: is, was read as, confidence\
         </text>\n",
        2 * width,
        mistakes.len(),
        digits.len(),
        if shown.len() < mistakes.len() { format!(", the surest {MOST} shown") } else { "".into() },
    );
    for (i, mistake) in shown.iter().enumerate() {
        let (x, y) = (4 + i % COLUMNS * CELL.0, 24 + i / COLUMNS * CELL.1);
        let _ = writeln!(
            svg,
            "<g transform=\"translate({x} {y})\"><title>digit {} of the set: a {}, read as {} \
             with {:.1} %</title>{}<text y=\"36\" font-size=\"7\">{} &#8594; {} {:.0}%</text></g>",
            mistake.index,
            mistake.label,
            mistake.read,
            100.0 * mistake.confidence,
            digit(digits.image(mistake.index)),
            mistake.label,
            mistake.read,
            100.0 * mistake.confidence,
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// The ink of a digit: a path of horizontal runs for each grey.
fn digit(image: &[u8]) -> String {
    let side = Dataset::SIDE;
    let level = |pixel: u8| (usize::from(pixel) * LEVELS).div_ceil(255).min(LEVELS);
    let mut svg = format!("<rect width=\"{side}\" height=\"{side}\" fill=\"#eee\"/>");
    for grey in 1..=LEVELS {
        let mut path = String::new();
        for (y, row) in image.chunks_exact(side).enumerate() {
            let mut x = 0;
            for run in row.chunk_by(|&a, &b| level(a) == level(b)) {
                if level(run[0]) == grey {
                    let _ = write!(path, "M{x},{y}.5h{}", run.len());
                }
                x += run.len();
            }
        }
        if !path.is_empty() {
            let opacity = grey as f32 / LEVELS as f32;
            let _ =
                write!(svg, "<path stroke=\"#000\" stroke-opacity=\"{opacity}\" d=\"{path}\"/>");
        }
    }
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digit_is_its_runs() {
        let mut image = [0; 784];
        image[28 + 3..][..4].fill(255);
        image[28 + 7] = 60;
        assert_eq!(
            digit(&image),
            "<rect width=\"28\" height=\"28\" fill=\"#eee\"/>\
             <path stroke=\"#000\" stroke-opacity=\"0.25\" d=\"M7,1.5h1\"/>\
             <path stroke=\"#000\" stroke-opacity=\"1\" d=\"M3,1.5h4\"/>"
        );
    }

    #[test]
    fn every_mistake_is_on_the_sheet() {
        let digits = crate::data::sample();
        let wrong = |index| Mistake { index, label: 3, read: 5, confidence: 0.934 };
        let svg = mistakes(&digits, &[wrong(7), wrong(4_999)]);
        assert_eq!(svg.matches("<g ").count(), 2);
        assert!(
            svg.contains("2 of 5000 read wrong:") && svg.contains("a 3, read as 5 with 93.4 %")
        );
        let many = vec![wrong(0); MOST + 1];
        assert_eq!(mistakes(&digits, &many).matches("<g ").count(), MOST);
    }
}
