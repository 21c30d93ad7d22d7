//! Every parser of bytes from outside, and what must hold of it whatever the bytes are.
//!
//! | module | holds |
//! |---|---|
//! | [`targets`] | one function a parser; it panics where a property does not hold |
//! | [`mutate`] | inputs from inputs, by seeded chance |
//! | [`corpus`] | the inputs and words that are committed |
//!
//! The same functions run in `cargo test` (every committed input, and a bounded number of mutations) and under libFuzzer
//! (`make fuzz`). The README says how to add one.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "what a target finds is its panic"
)]

pub mod corpus;
mod input;
mod model;
pub mod mutate;
pub mod targets;
