//! Decisions that all front ends share, made once.
//!
//! Not here: how a person is asked, which each front end knows best.

pub mod doubts;
