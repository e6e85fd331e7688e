//! What every front end decides alike, decided once.
//!
//! Not here: how a person is asked, which each front end knows best.

pub mod doubts;
