//! A logger that keeps what is logged. There is one in a process, so a test that reads the log stands by itself.

use std::sync::{Mutex, MutexGuard, PoisonError};

use log::{LevelFilter, Log, Metadata, Record};

/// Keeps what is logged by targets that begin with some words.
pub(crate) struct KeptLog {
    targets: &'static str,
    text: Mutex<String>,
}

impl KeptLog {
    pub(crate) const fn of(targets: &'static str) -> Self {
        Self { targets, text: Mutex::new(String::new()) }
    }

    /// Keeps everything from now on, up to a level.
    pub(crate) fn begin(&'static self, level: LevelFilter) {
        log::set_logger(self).unwrap();
        log::set_max_level(level);
    }

    /// What was logged, a line for each record.
    pub(crate) fn text(&self) -> MutexGuard<'_, String> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log for KeptLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with(self.targets)
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            self.text().push_str(&format!("{} {}: {}\n", record.level(), record.target(), record.args()));
        }
    }

    fn flush(&self) {}
}
