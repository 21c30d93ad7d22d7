//! The policy evaluator's feed, compiled: which application a request belongs to, and what judges it there.
//!
//! The evaluator itself and every enforcement point hold one [`Directory`], fed by a `change_feed::Replica`. Readers
//! take a [`Snapshot`] and never wait; a change compiles what it touches and nothing else.
//!
//! | module | holds |
//! |---|---|
//! | [`view`] | [`Directory`]: the feed's objects in, snapshots out |
//! | [`snapshot`] | [`Snapshot`]: one moment of everything, immutable |
//! | [`application`] | [`Application`]: its place, its compiled policies, its settings |
//! | [`cors`] | [`Cors`]: what pages of other origins may do |
//! | [`denial`] | [`Denial`]: what an application says to whoever is refused |
//! | [`failure_mode`] | [`FailureMode`]: what is done with an application's requests by whoever is cut off |
//! | [`organization`] | [`Organization`]: an account's team domain and its switches |
//! | [`convert`] | messages of `policy_evaluator.proto` to and from the policy engine's types |
//!
//! # Closed on doubt
//!
//! A state that this version cannot read (an unknown selector or decision, a pattern it does not know) leaves its
//! application where it is, and denying: [`Application::is_closed`]. A group that cannot be read counts as missing, so
//! rules that name it are in doubt. A failure mode that cannot be read, or of an application that cannot, is closed. An
//! organization that cannot be read keeps its name and address with every switch
//! on the strict side.

pub mod application;
pub mod convert;
pub mod cors;
pub mod denial;
pub mod failure_mode;
pub mod organization;
pub mod snapshot;
pub mod view;

pub use application::{Application, Cookie, SameSite, Settings};
pub use cors::{Cors, Origins};
pub use denial::Denial;
pub use failure_mode::{FailureMode, MaxStaleness};
pub use organization::Organization;
pub use snapshot::Snapshot;
pub use view::Directory;
