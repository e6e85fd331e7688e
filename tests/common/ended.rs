//! The end of a process.

use std::process::{Child, ExitStatus};

use crate::until::until;

/// Waits for the end of a process.
pub(crate) fn ended(child: &mut Child) -> ExitStatus {
    until(&format!("the end of process {}", child.id()), || child.try_wait().unwrap())
}
