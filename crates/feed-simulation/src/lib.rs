//! The change feed's own code in a simulated world: time, chance, network, bus, databases and machines are simulated,
//! and everything follows from a seed. What fails, fails again.
//!
//! `feed-model` searches the protocol's rules through; this shows that the code keeps them. Real are
//! [`change_feed::Feed`], [`change_feed::Replica`] with its gate, and `revocation`'s views and rule.
//!
//! | module | holds |
//! |---|---|
//! | [`simulation`] | one seed from its beginning to the verdict |
//! | [`profile`] | which faults happen, and how often |
//! | [`checker`] | the promises, judged from outside |
//! | [`wiring`] | what can be wired wrong, to see that the checker notices |
//! | `world`, `chance`, [`trace`] | what everybody shares, the one source of chance, what happened |
//! | `store`, [`tables`] | a database in memory, shown equal to the SQL by a test |
//! | `owner`, `change` | the services that own the feeds, and what they are asked to change |
//! | `network`, `bus` | what lies between |
//! | `gateway`, `view`, `process`, `clocks` | the enforcement points and their machines |
//! | `clients`, `session` | requests, decided as the gateway decides |
//! | `faults` | what breaks, and the end of it |

mod bus;
pub mod chance;
mod change;
pub mod checker;
mod clients;
mod clocks;
mod faults;
mod gateway;
mod network;
mod owner;
mod process;
pub mod profile;
mod session;
pub mod simulation;
mod store;
pub mod tables;
pub mod trace;
mod view;
pub mod wiring;
mod world;

pub use checker::{Promise, Violation};
pub use profile::Profile;
pub use simulation::{Outcome, Simulation};
pub use wiring::{Mutant, Wiring};
