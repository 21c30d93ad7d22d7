//! Inputs from inputs, by seeded chance: what libFuzzer does, without its knowledge of what was reached.

use fastrand::Rng;

/// No input is longer: what lies behind a bound is reached by one that is a little longer than it.
const LONGEST: usize = 4_096;

/// What divides most inputs into parts.
const SEPARATORS: &[u8] = b"\0\t\n\r \"%&*+,-./:;=?@\\\x7f\xff";

/// A few changes of one of `inputs`: bytes, words of the dictionary, pieces of itself and of another input.
pub fn mutate(chance: &mut Rng, inputs: &[Vec<u8>], words: &[Vec<u8>]) -> Vec<u8> {
    let pick = |chance: &mut Rng, from: &[Vec<u8>]| chance.choice(from).cloned().unwrap_or_default();
    let mut input = pick(chance, inputs);
    for _ in 0..chance.usize(1..=4) {
        let at = chance.usize(0..=input.len());
        let end = at + chance.usize(0..=8.min(input.len() - at));
        match chance.u8(0..10) {
            0 if at < input.len() => input[at] ^= 1 << chance.u8(0..8),
            1 if at < input.len() => input[at] = chance.u8(..),
            2 => input.insert(at, chance.u8(..)),
            3 => drop(input.drain(at..end)),
            4 => input.truncate(at),
            5 => {
                let piece = input[at..end].to_vec();
                let to = chance.usize(0..=input.len());
                input.splice(to..to, piece);
            }
            6 => {
                let other = pick(chance, inputs);
                let from = chance.usize(0..=other.len());
                input.splice(at..end, other[from..].iter().copied());
            }
            7 => input.insert(at, chance.choice(SEPARATORS).copied().unwrap_or_default()),
            _ => drop(input.splice(at..end, pick(chance, words))),
        }
    }
    input.truncate(LONGEST);
    input
}
