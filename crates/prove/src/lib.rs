//! The live proof of immediate revocation: a whole installation on this machine, under load, broken in every way that
//! we can think of, and an independent judge that sees only what its clients see.
//!
//! | module | holds |
//! |---|---|
//! | [`site`] | the installation: real servers, one process a service, three gateways |
//! | [`link`] | a TCP proxy between each two of them, which cuts, delays and refuses |
//! | [`faults`] | what is broken, and how it is healed |
//! | [`load`] | tokens and applications that are made, changed and deleted, and clients that use them |
//! | [`recorder`] | the judge: what it saw, and what that says about the guarantees |
//! | [`run`] | the faults in turn |
//! | [`machine`] | how busy the machine was with other work |
//! | [`report`] | the table |
//!
//! The judge knows the load's acts and requests, never the product's state, and calls wrong only what no order of
//! events explains. Its own tests show it fabricated histories with each violation.

pub mod chance;
pub mod faults;
pub mod http;
pub mod link;
pub mod load;
pub mod machine;
pub mod recorder;
pub mod report;
pub mod run;
pub mod site;
pub mod upstream;
