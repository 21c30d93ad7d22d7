//! What every scenario stands on: the real `sallyport dev`, in one of its topologies, and ways to talk to it.
//!
//! | module | holds |
//! |---|---|
//! | [`world`] | [`Place`] and [`World`]: a data directory, and `sallyport dev` running on it |
//! | [`objects`] | tokens, applications and policies, made by one line each |
//! | [`rest`] | the management plane |
//! | [`gateway`] | requests through a gateway, and what came of them |
//! | [`http`] | the client below both: it sends exactly the headers and the path that it is told |
//! | [`stream`] | an answer that goes on and on |
//! | [`upstream`] | the application behind the gateway, which tells what it received |
//! | [`process`] [`machine`] | the program, its children and its sockets; what it left behind |
//! | [`secrets`] | every secret that was seen, and the search for them where none may be |
//! | [`jwt`] | taking session JWTs apart |
//! | [`wait`] | waiting for a fact, with a deadline |
//! | [`client`] | other people's clients |
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "a scenario that cannot go on has failed"
)]

pub mod client;
pub mod gateway;
pub mod http;
pub mod jwt;
pub mod machine;
pub mod objects;
pub mod process;

pub mod rest;
pub mod secrets;
pub mod stream;
pub mod upstream;
pub mod wait;
pub mod world;

pub use objects::{App, Token, deny, policy, service_auth};
pub use wait::until;
pub use world::{Place, Topology, World};

use std::path::{Path, PathBuf};

/// The workspace's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}
