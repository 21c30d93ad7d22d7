//! The house is as ARCHITECTURE.md draws it: who may use whom, and which crate owns which library.

#[cfg(test)]
mod dependencies;
#[cfg(test)]
mod workspace;
