//! The gateway as its clients meet it: real services in this process, SQLite files, memory bus and cache, raw sockets,
//! and an application of the tests' own. Names of cases and tests that begin with a letter and a number are the
//! project's public list of threats.
//!
//! | module | holds |
//! |---|---|
//! | `world` | the services |
//! | `link` | from the gateway to each service; can be cut |
//! | `upstream` | the application: keeps what arrives, answers what it is told |
//! | `changes` | what an operator changes |
//! | `client` | raw requests and answers |
//! | `corpus` | every case of `tests/corpus` |
//! | `http2` | HTTP/2 in clear text |
//! | `leases` | what a gateway admits that has lost touch |
//! | `failure_modes` | what it admits nevertheless, where an application says so |
//! | `forward_auth` | decisions for other proxies |
//! | `abuse` | guessing, floods and overload |
//! | `flights` | many first requests at once |
//! | `time` | the gateway's clock |
//! | `passed` | client certificates that other proxies have seen |
//! | `patience` | the slow, the silent and the many |
//! | `streams` | large bodies |
//! | `upgrade` | another protocol on the same connection |
//! | `grpc` | applications that speak HTTP/2 |
//! | `rides` | open streams, and what ends them |
//! | `ext_authz` | the second front, as Envoy asks it |
//! | `passengers` | one open stream of each kind |
//! | `authority` | certificates |
//! | `tls` | the gateway's own certificates, by which clients come in |
//! | `certificates` | the clients' |
//! | `clear` | PROXY protocol, and credentials in clear text |
//! | `applications` | applications behind TLS, at several addresses, that are asked whether they are well |
//! | `trailers` | what comes after a body, and before one is asked for |
//! | `floods` | HTTP/2 used up on purpose |
//! | `settings` | what an application says to other origins and to whoever is refused, and bound sessions |
//! | `endpoints` | what the gateway itself answers to whoever holds a session |
//! | `drain` | a gateway that is told to stop |
//! | `undecided` | what is told of requests that were never decided |

#[cfg(test)]
mod abuse;
#[cfg(test)]
mod applications;
#[cfg(test)]
mod authority;
#[cfg(test)]
mod certificates;
#[cfg(test)]
mod changes;
#[cfg(test)]
mod clear;
#[cfg(test)]
mod client;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod drain;
#[cfg(test)]
mod endpoints;
#[cfg(test)]
mod ext_authz;
#[cfg(test)]
mod failure_modes;
#[cfg(test)]
mod flights;
#[cfg(test)]
mod floods;
#[cfg(test)]
mod forward_auth;
#[cfg(test)]
mod grpc;
#[cfg(test)]
mod http2;
#[cfg(test)]
mod leases;
#[cfg(test)]
mod link;
#[cfg(test)]
mod passed;
#[cfg(test)]
mod passengers;
#[cfg(test)]
mod patience;
#[cfg(test)]
mod rides;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod time;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod trailers;
#[cfg(test)]
mod undecided;
#[cfg(test)]
mod upgrade;
#[cfg(test)]
mod upstream;
#[cfg(test)]
mod world;
