//! The program: reads the arguments, starts the logger, and runs a front end.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use conversa::cli::{self, Arguments};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return ExitCode::from(cli::refuse_arguments(&error)),
    };
    start_logger(&arguments.global.log);
    let exit = match arguments.command {
        Some(command) => cli::run(command, &arguments.global),
        None => open_window(arguments.global.profile, arguments.link.as_deref()),
    };
    ExitCode::from(exit)
}

/// Logs go to standard error only: standard output belongs to messages and events.
fn start_logger(level: &str) {
    let mut builder = env_logger::Builder::new();
    builder.parse_filters(level).target(env_logger::Target::Stderr);
    if builder.try_init().is_err() {
        // Only a second logger in one process could be in the way.
        log::debug!("a logger is there already");
    }
}

#[cfg(feature = "window")]
fn open_window(profile: Option<PathBuf>, link: Option<&str>) -> u8 {
    conversa::gui::run(profile, link).map_or_else(|problem| cli::refuse(&problem), |()| 0)
}

#[cfg(not(feature = "window"))]
fn open_window(_profile: Option<PathBuf>, _link: Option<&str>) -> u8 {
    cli::refuse_window()
}
