//! Session JWTs: what they say, how they are signed, how they are judged. No I/O, no clock of its own.
//!
//! | module | holds |
//! |---|---|
//! | [`claims`] | [`Claims`]: what a service session says; [`AsOf`]: the feed positions that validated it |
//! | [`algorithm`] | [`Algorithm`]: RS256 or ES256 |
//! | [`key`] | [`SigningKey`]: a key that stays parsed, its PKCS#8 form, JWK and certificate |
//! | [`key_set`] | [`Jwk`], [`VerificationKey`], [`KeySet`], and the published [`key_set::document`] |
//! | [`verify`](mod@verify) | [`verify()`]: one function from text to [`Verified`] or [`Rejection`] |
//! | [`thumbprint`] | [`Thumbprint`]: the certificate that a session is bound to |
//! | [`metadata`] | [`Metadata`]: what is said of an application to clients without a session, which is none itself |
//! | [`rejection`] | [`Rejection`]: why not, with reasons that never change |
//!
//! RS256 is what every official validator hard-codes; ES256 is for applications that chose it. A key has one algorithm and
//! names itself by its thumbprint, so `kid` says which algorithm verifies; a token whose `alg` says otherwise is refused.
//!
//! To add a claim: a member in `claims.rs`'s `Private`, absent in older tokens and ignored by older readers.

pub mod algorithm;
pub mod claims;
pub mod key;
pub mod key_id;
pub mod key_set;
mod low_s;
pub mod metadata;
mod object;
pub mod rejection;
pub mod thumbprint;
pub mod verify;

pub use algorithm::Algorithm;
pub use claims::{AsOf, Claims};
pub use key::SigningKey;
pub use key_id::KeyId;
pub use key_set::{Jwk, KeySet, PublishedKey, VerificationKey};
pub use metadata::Metadata;
pub use rejection::Rejection;
pub use thumbprint::Thumbprint;
pub use verify::{MAX_TOKEN_BYTES, Verified, read_again, verify};

#[cfg(test)]
mod fixture;
