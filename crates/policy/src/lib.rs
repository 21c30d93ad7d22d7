//! The policy engine: which application a request belongs to, and whether its policies admit it.
//! Pure: no I/O, no clock, no runtime.
//!
//! | module | holds |
//! |---|---|
//! | [`rule`] | [`Rule`]: one selector and its value, parsed and judged |
//! | [`value`] | the values of selectors: networks, countries, addresses of people |
//! | [`facts`] | [`Facts`]: what is known of one request |
//! | [`definition`] | [`Policy`], [`Group`], [`RuleSet`], [`Decision`] |
//! | [`validate`] | what a policy or group must satisfy before it is stored |
//! | [`compile`] | [`CompiledPolicies`]: one application's policies, groups resolved, in order of evaluation |
//! | `any_of` | the index of a list of which one rule must hold: tokens and networks in logarithmic time |
//! | [`evaluate`] | [`Verdict`], and the trace that explains it |
//! | [`domain`] | [`DomainPattern`], [`DomainIndex`]: the application of a host and path |
//!
//! # Closed on doubt
//!
//! A rule holds, does not hold, or is *in doubt* ([`Truth`]). In doubt are: a group that does not exist, leads
//! into a cycle or is too large; an `ip` rule when the client's address is unknown; a login-time rule inside a
//! bypass policy. Doubt passes through include (OR), require (AND), exclude (NOT) and groups as "either could be
//! true" does. A policy that is left in doubt does not match if it would admit, and matches if it is a Deny.
//!
//! Everything else that is absent is a known fact: a machine has no e-mail address, and an address of a private
//! network has no country, so such rules simply do not hold.
//!
//! # When to evaluate
//!
//! [`CompiledPolicies::evaluate`] is called on *every* request with the facts known then: the session's service
//! token or identity, and the request's own address, country and certificate. An edit of a policy therefore
//! applies to the next request, and a session does not carry an old address along.
//!
//! # How to add a selector
//!
//! 1. A variant of [`Rule`], with a constructor that refuses bad values under the JSON path of the field.
//! 2. The compiler now names the matches to extend: its wire key, whether it needs an identity, its text for people,
//!    and when it holds (`any_of` judges it one by one unless it is given an index there). Decide what *absent* means: not held, or in doubt.
//! 3. What it looks at, if new, goes into [`Facts`].
//! 4. The reference evaluator and the generator in `tests/engine.rs`.
//! 5. Outside this crate: the field of `Rule` in `policy_evaluator.proto`, and the conversions beside it.

mod any_of;
pub mod compile;
pub mod definition;
pub mod domain;
pub mod evaluate;
pub mod facts;
mod resolve;
pub mod rule;
pub mod validate;
pub mod value;

pub use compile::CompiledPolicies;
pub use definition::{Decision, Group, List, Policy, RuleSet};
pub use domain::{DomainIndex, DomainPattern};
pub use evaluate::{Decided, Outcome, PolicyTrace, RuleTrace, Verdict};
pub use facts::{Certificate, Facts, Identity};
pub use rule::{Rule, Truth};
pub use value::{CountryCode, EmailAddress, EmailDomain, Network, Text};
