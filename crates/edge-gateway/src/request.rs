//! What a client sent, read once: the canonical target, the credential, where it came from.

pub mod canonical;
pub mod client;
pub mod cookie;
pub mod credential;
pub mod headers;
pub mod method;
pub mod upgrade;
