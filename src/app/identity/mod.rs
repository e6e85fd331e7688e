//! Who a person is on this computer: the key files, the passphrase over them, the keyring that may remember it, and
//! backups.
//!
//! Not here: when an identity is read, made or replaced; the session decides that.

pub mod backup;
pub(super) mod identities;
pub mod keyring;
pub(super) mod keystore;
pub(super) mod passphrase;
pub(super) mod report;
