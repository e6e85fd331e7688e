//! The headless front end: what the window does, for servers, scripts, bots and tests.
//!
//! [`run`] carries out one command and returns its exit code. Standard output carries messages and events only; logs
//! and notices go to standard error.
//!
//! Three commands enter a room: `host`, `join` and `send` find out which, and `talk` stays in it until the end. The
//! others do one thing and report the result.
//!
//! It understands no event of a room itself: what changed there it reads from
//! [`conversation`](crate::app::conversation), as the window does. `docs/json.md` describes each JSON line.

mod arguments;
mod compare;
mod completions;
mod console;
mod content;
mod ending;
mod entrance;
mod history;
mod host;
mod identity;
mod input;
mod join;
mod json_input;
mod known_rooms;
mod lines;
mod manual;
mod outgoing;
mod output;
mod passphrase;
mod plain_input;
mod questions;
mod relay;
mod report;
mod request;
mod rooms;
mod row;
mod talk;
mod target;

use std::io::Write;

pub use self::arguments::{Arguments, Command, Global};
use self::console::Console;
#[cfg(not(feature = "window"))]
use crate::app::say;
use crate::app::{Code, Problem};

/// Does a command, and says its exit code.
#[must_use]
pub fn run(command: Command, global: &Global) -> u8 {
    let is_json = match &command {
        Command::Host(arguments) => arguments.json,
        Command::Join(arguments) => arguments.json,
        Command::Send(arguments) => arguments.json,
        Command::Identity(arguments) => arguments.json,
        Command::Rooms(arguments) => arguments.json,
        Command::History(arguments) => arguments.json,
        Command::Relay(arguments) => arguments.json,
        Command::Completions(_) | Command::Manual => false,
    };
    let mut console = Console::new(is_json);
    let done = match command {
        Command::Host(arguments) => host::run(arguments, global, Console::new(is_json)),
        Command::Join(arguments) => join::join(&arguments, global, Console::new(is_json)),
        Command::Send(arguments) => join::send(&arguments, global, Console::new(is_json)),
        Command::Identity(arguments) => identity::run(&arguments, global, &mut console),
        Command::Rooms(arguments) => rooms::run(&arguments, global, &mut console),
        Command::History(arguments) => history::run(&arguments, global, &mut console),
        Command::Relay(arguments) => relay::run(&arguments, global, &mut console),
        Command::Completions(arguments) => completions::run(&arguments, &mut console),
        Command::Manual => manual::run(&mut console),
    };
    let exit = done.unwrap_or_else(|problem| {
        console.problem(&problem);
        problem.code.exit()
    });
    console.finish(exit)
}

/// Shows help, the version, or what is wrong with the arguments, and says the exit code of that.
#[must_use]
pub fn refuse_arguments(error: &clap::Error) -> u8 {
    let exit = u8::try_from(error.exit_code()).unwrap_or(Code::Usage.exit());
    match error.print().and_then(|()| std::io::stdout().flush()) {
        // Nobody is left to be told where standard error takes nothing.
        Err(error) if exit == 0 && error.kind() != std::io::ErrorKind::BrokenPipe => {
            refuse(&Problem::cannot_print(&error))
        }
        _ => exit,
    }
}

/// Says that there is no window to open, and the exit code of that.
#[cfg(not(feature = "window"))]
#[must_use]
pub fn refuse_window() -> u8 {
    let hint = say!(
        "Use a headless command: `conversa host`, `conversa join` or `conversa send`; `conversa --help` shows how."
    );
    refuse(&Problem::new(Code::NoWindow, say!("This Conversa was built without its window."), hint))
}

/// Says what went wrong before a command could start, and its exit code.
#[must_use]
pub fn refuse(problem: &Problem) -> u8 {
    Console::new(false).problem(problem);
    problem.code.exit()
}
