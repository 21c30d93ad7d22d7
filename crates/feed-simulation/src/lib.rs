//! A deterministic simulation of the change feed.
