//! Sessions end to end: the issuer with the real token registry and policy evaluator.

#[cfg(test)]
mod exchange;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod metadata;
#[cfg(test)]
mod revocation;
#[cfg(test)]
mod world;
