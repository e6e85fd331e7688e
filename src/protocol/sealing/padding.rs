//! Hides the length of messages: Padmé (Nikitin et al., PoPETs 2019) above a minimum.

/// The minimum length, so that short answers look alike.
const FLOOR_BYTES: usize = 256;
/// Ends the plaintext (ISO/IEC 7816-4); zeros follow.
const MARK: u8 = 0x80;

/// Appends the mark and zeros up to the padded length.
pub(in crate::protocol) fn pad(plaintext: &mut Vec<u8>) {
    plaintext.push(MARK);
    let length = padded_length(plaintext.len());
    plaintext.resize(length, 0);
}

/// The plaintext without its padding, `None` if the padding is not exactly what [`pad`] gives.
pub(in crate::protocol) fn unpad(padded: &[u8]) -> Option<&[u8]> {
    let end = padded.iter().rposition(|byte| *byte != 0)?;
    let (plaintext, rest) = padded.split_at(end);
    (rest.first() == Some(&MARK) && padded_length(end + 1) == padded.len()).then_some(plaintext)
}

/// Padmé: keeps only as many of the length's leading bits as its exponent needs.
fn padded_length(length: usize) -> usize {
    if length <= FLOOR_BYTES {
        return FLOOR_BYTES;
    }
    let exponent = length.ilog2();
    let bits = exponent.ilog2() + 1;
    let mask = (1_usize << (exponent - bits)) - 1;
    (length + mask) & !mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_padded_comes_back_and_costs_at_most_an_eighth() {
        for length in (0..2_000).chain([16_383, 16_384, 16_385, 65_000]) {
            let plaintext = vec![0x80; length];
            let mut padded = plaintext.clone();
            pad(&mut padded);
            assert_eq!(unpad(&padded), Some(plaintext.as_slice()));
            assert!(padded.len() <= FLOOR_BYTES.max(length + length / 8 + 2), "{length} became {}", padded.len());
        }
    }

    /// Worked out by hand from the paper: of 1000, between 2^9 and 2^10, the leading four bits may be set.
    #[test]
    fn lengths_are_rounded_up_as_the_paper_has_it() {
        let lengths = [(1, 256), (256, 256), (257, 272), (272, 272), (273, 288), (1_000, 1_024), (16_385, 17_408)];
        for (length, padded) in lengths {
            assert_eq!(padded_length(length), padded, "{length}");
        }
    }

    #[test]
    fn other_paddings_are_refused() {
        let mut padded = b"hi".to_vec();
        pad(&mut padded);
        assert_eq!(unpad(&padded[..255]), None);
        assert_eq!(unpad(&[0; 256]), None);
        assert_eq!(unpad(&[]), None);
        padded[2] = 0x81;
        assert_eq!(unpad(&padded), None);
    }
}
