//! The house is as ARCHITECTURE.md draws it: who may use whom, which crate owns which library, and what is measured.

#[cfg(test)]
mod dependencies;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod workspace;
