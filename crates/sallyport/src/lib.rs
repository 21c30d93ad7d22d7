//! The user's binary: every service in one process, or as processes of their own.
//!
//! | module | holds |
//! |---|---|
//! | [`embedded`] | all services in one process, callee first: the architecture diagram, compiled |
//! | [`dev`] | `sallyport dev`: something that runs, from nothing, with a sample application |
//! | [`fleet`] | `sallyport fleet`: who enforces, and how far each has come |

pub mod dev;
pub mod embedded;
pub mod fleet;
