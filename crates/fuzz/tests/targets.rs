//! Every target over its committed inputs, and over a bounded number of mutations of them.
//!
//! A failure prints the input; written into the target's folder of `corpus`, it is tried every time.

use fastrand::Rng;
use fuzz::{corpus, mutate, targets};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Other inputs with every value; the same inputs every time with one.
const SEED: u64 = 0x5a11_7907;

fn hold(name: &str) {
    let target = targets::find(name).unwrap_or_else(|| unreachable!("no target {name}"));
    let attempt = |input: &[u8], which: &str| {
        let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
        assert!(outcome.is_ok(), "{name}: {which}: b\"{}\"", input.escape_ascii());
    };
    let committed = corpus::inputs(name);
    for (file, input) in &committed {
        attempt(input, file);
    }
    let inputs: Vec<Vec<u8>> = committed.into_iter().map(|(_, input)| input).collect();
    let words = corpus::words(name);
    let mut chance = Rng::with_seed(SEED);
    for number in 0..target.tries {
        attempt(&mutate::mutate(&mut chance, &inputs, &words), &format!("mutation {number}"));
    }
}

macro_rules! targets {
    ($($name:ident)+) => {
        $(#[test]
        fn $name() {
            hold(stringify!($name));
        })+

        #[test]
        fn none_is_forgotten() {
            let named: Vec<_> = targets::ALL.iter().map(|target| target.name).collect();
            assert_eq!(named, [$(stringify!($name)),+]);
        }
    };
}

targets! {
    body broadcast canonical check_request client_address cookie credential domain duration
    entries framing headers identifier jwt policy proxy_protocol time usage
}
