//! The program: reads the arguments, starts the logger, and runs a face.

use std::process::ExitCode;

use clap::Parser;
use conversa::app::{Code, Problem};
use conversa::cli::{self, Arguments};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    start_logger(&arguments.global.log);
    let exit = match arguments.command {
        Some(command) => cli::run(command, &arguments.global),
        None => cli::refuse(&no_window()),
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

fn no_window() -> Problem {
    let hint =
        "Use a headless command: `conversa host`, `conversa join` or `conversa send`; `conversa --help` shows how.";
    Problem::new(Code::NoWindow, "This Conversa was built without its window.", hint)
}
