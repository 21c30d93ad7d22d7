//! Of the two signatures (r, s) and (r, n − s) that ECDSA takes for one, only that with the lower s is ours: a session has
//! one spelling.

/// r and s, 32 bytes each, big-endian (RFC 7518 section 3.4).
pub const SIGNATURE_BYTES: usize = 64;

/// The order of P-256 (FIPS 186-4, D.1.2.3).
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
    0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// Half of it, rounded down.
const HALF: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xde,
    0x73, 0x7d, 0x56, 0xd3, 0x8b, 0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8,
];

/// Two halves, and s is the lower one.
pub fn is_low(signature: &[u8]) -> bool {
    signature.len() == SIGNATURE_BYTES && signature.get(32..).is_some_and(|s| s <= HALF.as_slice())
}

/// Takes n − s in place of a higher s.
pub fn lower(signature: &mut [u8]) {
    if signature.len() == SIGNATURE_BYTES && !is_low(signature) {
        negate(signature);
    }
}

/// s becomes n − s: the other signature of the pair.
pub(crate) fn negate(signature: &mut [u8]) {
    let mut borrow = 0;
    for (digit, of_order) in signature.iter_mut().rev().zip(ORDER.iter().rev()) {
        let difference = i16::from(*of_order) - i16::from(*digit) - borrow;
        borrow = i16::from(difference < 0);
        *digit = difference.rem_euclid(256).to_le_bytes()[0];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_higher_s_becomes_the_lower_one_and_the_lower_one_stays() {
        let signature = |s: [u8; 32]| [[7; 32], s].concat();
        let mut above = HALF;
        above[31] += 1;
        assert!(is_low(&signature(HALF)) && !is_low(&signature(above)));
        let mut lowered = signature(above);
        lower(&mut lowered);
        // n is odd: its half and the number above are a pair.
        assert_eq!(lowered, signature(HALF));
        lower(&mut lowered);
        assert_eq!(lowered, signature(HALF));
        negate(&mut lowered);
        assert_eq!(lowered, signature(above));
        let mut highest = signature(ORDER);
        highest[63] -= 1;
        lower(&mut highest);
        assert_eq!(highest[32..], [&[0; 31][..], &[1]].concat());
        assert!(!is_low(&[0; 63]) && !is_low(&[0; 65]));
    }
}
