//! The gateway as its clients meet it: real services in this process, SQLite files, memory bus and cache, raw sockets,
//! and an application of the tests' own. Names of cases and tests that begin with a letter and a number are the
//! project's public list of threats.
//!
//! | module | holds |
//! |---|---|
//! | `world` | the services |
//! | `link` | from the gateway to each service; can be cut |
//! | `upstream` | the application: keeps what arrives, answers what it is told |
//! | `client` | raw requests and answers |
//! | `corpus` | every case of `tests/corpus` |
//! | `http2` | HTTP/2 in clear text |
//! | `leases` | what a gateway admits that has lost touch |
//! | `flights` | many first requests at once |
//! | `patience` | the slow, the silent and the many |
//! | `streams` | large bodies |

#[cfg(test)]
mod client;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod flights;
#[cfg(test)]
mod http2;
#[cfg(test)]
mod leases;
#[cfg(test)]
mod link;
#[cfg(test)]
mod patience;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod upstream;
#[cfg(test)]
mod world;
