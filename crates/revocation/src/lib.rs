//! The one rule that decides whether a session is still honoured, and what it is decided from.
//!
//! An enforcement point follows two feeds: the token registry's into [`Tokens`], the session issuer's into
//! [`Sessions`]. Both are [`change_feed::View`]s: whoever decides asks them after the last await, and then asks the
//! feeds' gates whether they may be believed.
//!
//! | module | holds |
//! |---|---|
//! | [`tokens`] | [`Tokens`]: what has changed about service tokens; [`TokenStatus`]: how one is judged |
//! | [`sessions`] | [`Sessions`]: what was revoked by application, token or session, and the signing keys |
//! | [`keys`] | [`Key`], [`KeyUse`]: the signing keys of every account, as enforcement points know them |
//! | [`refusal`] | [`Refusal`]: why not, with reasons that never change |
//! | `sharded` | the map under them: readers never wait, and an update copies one part in 256 |
//!
//! No interleaving of loads, repeats and late entries brings back what was refused: of every object the state with the
//! highest position counts, and a key that is gone stays gone.
//!
//! To add a kind of revocation: its object prefix in `sessions.rs`, a map beside the others, and a line in
//! [`Sessions::judge_session`].

pub mod keys;
pub mod refusal;
pub mod sessions;
mod sharded;
pub mod tokens;

pub use keys::{Key, KeyUse};
pub use refusal::Refusal;
pub use sessions::Sessions;
pub use tokens::{TokenStatus, Tokens};

#[cfg(test)]
mod interleavings;
