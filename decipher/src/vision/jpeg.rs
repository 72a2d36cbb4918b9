//! Whether a JPEG is all there: its decoder fills up what is missing without a word.

/// How many scans the file has, if the end of the picture is in its `bytes`. What may follow it does
/// not matter.
pub(super) fn scans(bytes: &[u8]) -> Option<usize> {
    let mut scans = 0;
    let mut at = 2; // behind the start of the picture
    loop {
        // A marker is 0xff and a byte; in between there may be more 0xff.
        let fill = bytes.get(at..)?.iter().take_while(|b| **b == 0xff).count();
        let marker = *bytes.get(at + fill)?;
        match (bytes[at], marker) {
            (0xff, END) => return Some(scans),
            // Data of the picture: a 0xff in it is followed by 0 or a restart marker.
            (0xff, 0 | 0xd0..=0xd7) => at += fill + 1,
            (0xff, marker) => {
                scans += usize::from(marker == SCAN);
                at += fill + 1;
                let length = u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?);
                at += usize::from(length).max(2);
            }
            _ => at += bytes[at..].iter().position(|b| *b == 0xff)?,
        }
    }
}

/// The marker before pixels.
const SCAN: u8 = 0xda;
/// The marker at the end of the picture.
const END: u8 = 0xd9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_file_has_its_scans() {
        for name in ["number.jpg", "page.jpg", "phone.jpg"] {
            let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/");
            let mut bytes = std::fs::read(format!("{samples}{name}")).unwrap();
            assert_eq!(scans(&bytes), Some(1), "{name}");
            for cut in (2..bytes.len() - 1).step_by(997).chain([bytes.len() - 1]) {
                assert_eq!(scans(&bytes[..cut]), None, "{name} of {cut} bytes");
            }
            bytes.extend([0, 1, 2]);
            assert_eq!(scans(&bytes), Some(1), "{name} and something behind it");
        }
        assert_eq!(scans(&[0xff, 0xd8]), None);
        assert_eq!(scans(&[0xff, 0xd8, 0xff, 0xff]), None);
        // Each byte is looked at once.
        assert_eq!(scans(&[&[0xff; 1 << 24][..], &[0; 9]].concat()), None);
    }
}
