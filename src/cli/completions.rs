//! `conversa completions`: what a shell needs to complete our commands, made from the commands themselves, so that
//! packages cannot ship one that lags behind.
//!
//! It installs nothing: a package puts the script where its system looks for it.

use clap::CommandFactory;
use clap_complete::Shell;

use super::arguments::{Arguments, Completions};
use super::console::Console;
use crate::app::Problem;

/// What people type.
const PROGRAM: &str = "conversa";

/// Prints the script of a shell.
///
/// # Errors
/// None; every command may have one.
pub(super) fn run(arguments: &Completions, console: &mut Console) -> Result<u8, Problem> {
    console.line(script(arguments.shell).trim_end());
    Ok(0)
}

fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), PROGRAM, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_shell_learns_every_command_and_the_options_of_each() {
        for shell in Shell::value_variants() {
            let script = script(*shell);
            let program = Arguments::command();
            for command in program.get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell}: {}", command.get_name());
                for option in command.get_arguments().filter_map(clap::Arg::get_long) {
                    assert!(script.contains(option), "{shell}: {option}");
                }
            }
        }
    }
}
