//! Whether a JPEG is all there: its decoder fills up what is missing without a word.

/// Whether the end of the picture is in `bytes`, the file's. What may follow it does not matter.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    let mut at = 2; // behind the start of the picture
    loop {
        // A marker is 0xff and a byte; in between there may be more 0xff.
        let Some(marker) = bytes.get(at..).and_then(|rest| rest.iter().find(|b| **b != 0xff))
        else {
            return false;
        };
        match (bytes[at], *marker) {
            (0xff, END) => return true,
            // Data of the picture: a 0xff in it is followed by 0 or a restart marker.
            (0xff, 0 | 0xd0..=0xd7) => at += 2,
            (0xff, _) => {
                at += bytes[at..].iter().take_while(|b| **b == 0xff).count() + 1;
                let Some(&[high, low]) = bytes.get(at..at + 2) else { return false };
                at += usize::from(u16::from_be_bytes([high, low])).max(2);
            }
            _ => match bytes[at..].iter().position(|b| *b == 0xff) {
                Some(next) => at += next,
                None => return false,
            },
        }
    }
}

/// The marker at the end of the picture.
const END: u8 = 0xd9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_file_is_whole() {
        for name in ["number.jpg", "page.jpg", "phone.jpg"] {
            let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/");
            let mut bytes = std::fs::read(format!("{samples}{name}")).unwrap();
            assert!(is_whole(&bytes), "{name}");
            for cut in (2..bytes.len() - 1).step_by(997).chain([bytes.len() - 1]) {
                assert!(!is_whole(&bytes[..cut]), "{name} of {cut} bytes");
            }
            bytes.extend([0, 1, 2]);
            assert!(is_whole(&bytes), "{name} and something behind it");
        }
        assert!(!is_whole(&[0xff, 0xd8]) && !is_whole(&[0xff, 0xd8, 0xff, 0xff]));
    }
}
